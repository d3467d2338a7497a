import { Empty } from "../../parts/Query";

export default function Workers() {
  return (
    <>
      <h1>Workers</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
