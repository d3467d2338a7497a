import { more, usePages } from "../../api/pages";
import { useSettings } from "../../app/settings";
import type { ImportError } from "../../api/types";
import { Empty, Query } from "../../parts/Query";
import { Ago } from "../../parts/Time";
import "./importerrors.css";

/** What is wrong with DAG files that somebody watches. */
export default function ImportErrors() {
  const { namespace } = useSettings();
  const pages = usePages("ImportErrorService/ListImportErrors", { namespace }, { staleTime: 0 });
  return (
    <>
      <div className="head">
        <h1>Import errors</h1>
        <div className="actions">
          <button type="button" disabled={pages.isFetching} onClick={() => void pages.refetch()}>
            Look again
          </button>
        </div>
      </div>
      <p className="faint">
        DAG files that cannot be read, as those who watch them say: a file that is mended goes away by itself.
      </p>
      <Query of={pages}>
        {(data) => {
          const errors = data.pages.flatMap((page) => page.errors);
          return errors.length ? <List errors={errors} /> : <Empty>All DAG files can be read.</Empty>;
        }}
      </Query>
      {pages.hasNextPage && (
        <button type="button" onClick={() => more(pages)}>
          Show more
        </button>
      )}
    </>
  );
}

function List({ errors }: { errors: ImportError[] }) {
  return (
    <ul className="import-errors">
      {errors.map((error) => (
        <li key={`${error.source} ${error.file}`} className="sheet">
          <h2>
            <span className="mono">
              {error.file}
              {error.line > 0 && `:${error.line}`}
            </span>
          </h2>
          <p className="faint">
            found by {error.source}, <Ago at={error.at} />
          </p>
          <pre tabIndex={0}>{error.message}</pre>
        </li>
      ))}
    </ul>
  );
}
