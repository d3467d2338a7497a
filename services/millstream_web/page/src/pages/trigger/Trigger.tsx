import { Empty } from "../../parts/Query";

export default function Trigger(_: { dagId: string }) {
  return (
    <>
      <h1>Trigger</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
