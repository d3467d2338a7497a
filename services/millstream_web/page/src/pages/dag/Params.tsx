import type { DagSpec } from "../../api/types";

/** The params: their defaults, and what a value has to be. */
export function Params({ spec: { params = {}, paramSchemas = {} } }: { spec: DagSpec }) {
  const names = [...new Set([...Object.keys(params), ...Object.keys(paramSchemas)])];
  if (!names.length) return <p className="faint">None.</p>;
  return (
    <div className="params" role="region" aria-label="Params" tabIndex={0}>
      <table>
        <thead>
          <tr>
            <th scope="col">Name</th>
            <th scope="col">Default</th>
            <th scope="col">Has to be</th>
          </tr>
        </thead>
        <tbody>
          {names.map((name) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td className="mono">{JSON.stringify(params[name]) ?? ""}</td>
              <td className="mono">{schemaText(paramSchemas[name])}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function schemaText(schema: unknown): string {
  return schema && Object.keys(schema).length ? JSON.stringify(schema) : "";
}
