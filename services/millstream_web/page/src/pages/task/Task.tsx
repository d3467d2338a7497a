import { Empty } from "../../parts/Query";

export default function Task(_: { dagId: string; runId: string; taskId: string; tab: string | undefined }) {
  return (
    <>
      <h1>Task</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
