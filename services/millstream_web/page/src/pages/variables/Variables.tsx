import { Empty } from "../../parts/Query";

export default function Variables() {
  return (
    <>
      <h1>Variables</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
