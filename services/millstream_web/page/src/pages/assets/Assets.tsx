import { Empty } from "../../parts/Query";

export default function Assets() {
  return (
    <>
      <h1>Assets</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
