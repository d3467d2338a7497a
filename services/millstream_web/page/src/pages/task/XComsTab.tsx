import { useSettings } from "../../app/settings";
import { useRead } from "../../api/queries";
import type { TaskInstance } from "../../api/types";
import { useRefreshed } from "../../live/hooks";
import { isAbout } from "../../live/instance";
import { Empty, Query } from "../../parts/Query";
import { XComValue } from "../../parts/json/XComValue";

/** What the instance handed on. */
export function XComsTab({ task }: { task: TaskInstance }) {
  const { namespace } = useSettings();
  const { dagId, runId, taskId } = task;
  const request = { namespace, dagId, runId, taskId, pageSize: 1000 };
  const found = useRead("RunService/ListXComs", request);
  useRefreshed(["RunService/ListXComs", request], (event) => isAbout(event, task));
  const path = task.mapIndex.join(",");
  return (
    <Query of={found}>
      {({ xcoms }) => {
        const mine = xcoms.filter((each) => each.mapIndex.join(",") === path);
        if (!mine.length) return <Empty>It has handed nothing on.</Empty>;
        return (
          <div className="xcoms">
            {mine.map((each) => (
              <XComValue key={each.key} xcom={each} isOpen={mine.length < 8} />
            ))}
          </div>
        );
      }}
    </Query>
  );
}
