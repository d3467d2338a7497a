import { Empty } from "../../parts/Query";

export default function Backfill(_: { dagId: string }) {
  return (
    <>
      <h1>Backfill</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
