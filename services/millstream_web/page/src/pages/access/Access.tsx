import { Empty } from "../../parts/Query";

export default function Access() {
  return (
    <>
      <h1>Access</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
