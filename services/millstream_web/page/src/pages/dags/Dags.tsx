import { Empty } from "../../parts/Query";

export default function Dags() {
  return (
    <>
      <h1>DAGs</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
