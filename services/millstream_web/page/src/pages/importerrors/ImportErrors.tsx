import { Empty } from "../../parts/Query";

export default function ImportErrors() {
  return (
    <>
      <h1>ImportErrors</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
