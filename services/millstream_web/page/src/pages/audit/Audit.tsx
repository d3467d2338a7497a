import { Empty } from "../../parts/Query";

export default function Audit() {
  return (
    <>
      <h1>Audit</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
