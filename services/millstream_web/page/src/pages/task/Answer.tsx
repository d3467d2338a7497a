import { useRead } from "../../api/queries";
import type { TaskInstance } from "../../api/types";
import "../approvals/approvals.css";
import { Question } from "../approvals/Question";
import type { TaskAt } from "./at";

/** What the task asks, and the form to answer with. */
export default function Answer({ at, task }: { at: TaskAt; task: TaskInstance }) {
  const { dagId, runId, taskId, mapIndex } = task;
  const of = { namespace: at.namespace, dagId, runId, taskId, mapIndex };
  const found = useRead("HumanInputService/GetInputRequest", of, { staleTime: 0 });
  const me = useRead("AccessService/WhoAmI", {});
  const asked = found.data?.request;
  if (!asked) return null;
  return (
    <ul className="answer questions" aria-label="A question">
      <Question request={asked} me={me.data?.name} />
    </ul>
  );
}
