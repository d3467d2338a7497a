import { Empty } from "../../parts/Query";

export default function Compare(_: { dagId: string; runId: string; other: string }) {
  return (
    <>
      <h1>Compare</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
