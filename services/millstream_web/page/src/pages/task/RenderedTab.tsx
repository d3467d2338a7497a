import { Link } from "wouter";
import { paths } from "../../app/paths";
import { useSettings } from "../../app/settings";
import { useRead } from "../../api/queries";
import type { TaskInstance } from "../../api/types";
import { useRefreshed } from "../../live/hooks";
import { isAbout } from "../../live/instance";
import { parseJson } from "../../parts/json/exact";
import { JsonTree } from "../../parts/json/JsonTree";
import { Empty, Query } from "../../parts/Query";

/** What the templates of an attempt became. `attempt` 0: of the latest that has told. */
export function RenderedTab({ task, attempt }: { task: TaskInstance; attempt: number }) {
  const { namespace } = useSettings();
  const { dagId, runId, taskId, mapIndex } = task;
  const request = { namespace, dagId, runId, taskId, mapIndex, attempt };
  const found = useRead("RunService/GetRenderedFields", request);
  useRefreshed(["RunService/GetRenderedFields", request], (event) => isAbout(event, task), 1000);
  return (
    <Query of={found}>
      {(answer) => {
        if (!answer.fields.length) {
          return <Empty>It has no templates, or no attempt of it has ended yet.</Empty>;
        }
        return (
          <div className="rendered">
            <p className="faint">
              Of attempt {answer.attempt}
              {answer.takenFrom && (
                <>
                  {" "}
                  in <Link href={paths.task({ ...task, runId: answer.takenFrom })}>{answer.takenFrom}</Link>
                </>
              )}
              . Secrets are masked.
            </p>
            {answer.fields.map((field) => (
              <section key={field.name} className="sheet">
                <h2>{field.name}</h2>
                <Value text={field.value} name={field.name} />
              </section>
            ))}
          </div>
        );
      }}
    </Query>
  );
}

/** A text as it is; what is an object or a list as a tree. */
function Value({ text, name }: { text: string; name: string }) {
  const value = structureOf(text);
  if (value !== undefined) return <JsonTree value={value} level={2} label={name} />;
  return <pre className="json-text">{text}</pre>;
}

function structureOf(text: string): object | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return parseJson(text) as object;
  } catch {
    return undefined;
  }
}
