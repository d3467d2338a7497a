import { Empty } from "../../parts/Query";

export default function Pools() {
  return (
    <>
      <h1>Pools</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
