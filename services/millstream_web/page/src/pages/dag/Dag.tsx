import { Empty } from "../../parts/Query";

export default function Dag(_: { dagId: string; tab: string | undefined }) {
  return (
    <>
      <h1>DAG</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
