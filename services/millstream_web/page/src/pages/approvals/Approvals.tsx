import { Empty } from "../../parts/Query";

export default function Approvals() {
  return (
    <>
      <h1>Approvals</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
