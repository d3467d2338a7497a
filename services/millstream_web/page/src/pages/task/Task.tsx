import { LogTab } from "./LogTab";

export default function Task(of: { dagId: string; runId: string; taskId: string; tab: string | undefined }) {
  return (
    <>
      <h1>{of.taskId}</h1>
      <LogTab dagId={of.dagId} runId={of.runId} taskId={of.taskId} />
    </>
  );
}
