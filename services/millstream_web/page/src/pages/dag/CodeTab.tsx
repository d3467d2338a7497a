import { useState } from "react";
import { useRead } from "../../api/queries";
import { useSearchParam } from "../../app/address";
import { Empty, Query } from "../../parts/Query";
import { Time } from "../../parts/Time";
import { CopyButton } from "./CopyButton";
import { Source } from "./Source";
import type { TabProps } from "./tab";
import { VersionPicker } from "./VersionPicker";

/** The DAG file as it was submitted. */
export default function CodeTab({ dag: { namespace, dagId, latestVersion } }: TabProps) {
  const [chosen = ""] = useSearchParam("version");
  const version = Number(chosen) || latestVersion;
  const [wraps, setWraps] = useState(false);
  const found = useRead(
    "DagService/GetDagVersion",
    { namespace, dagId, version, withSource: true },
    { keep: true },
  );
  return (
    <Query of={found}>
      {({ dagVersion, source }) => (
        <>
          <div className="filters">
            <VersionPicker name="version" latest={latestVersion} />
            <span className="faint">
              {dagVersion?.spec?.file} <Time at={dagVersion?.submittedAt} />
            </span>
            {source && (
              <>
                <label>
                  <input
                    type="checkbox"
                    checked={wraps}
                    onChange={(event) => setWraps(event.target.checked)}
                  />{" "}
                  Wrap lines
                </label>
                <CopyButton text={source} />
              </>
            )}
          </div>
          {source ? (
            <Source text={source} wraps={wraps} />
          ) : (
            <Empty>{whyNone(dagVersion?.bundle ?? "")}</Empty>
          )}
        </>
      )}
    </Query>
  );
}

function whyNone(bundle: string): string {
  return bundle
    ? "The file of this version is larger than 1 MiB or no text, or its bundle is not kept any more."
    : "This version was submitted without its file: as a spec alone, by a client of the API.";
}
