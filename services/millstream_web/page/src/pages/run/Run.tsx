import { Empty } from "../../parts/Query";

export default function Run(_: { dagId: string; runId: string; tab: string | undefined }) {
  return (
    <>
      <h1>Run</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
