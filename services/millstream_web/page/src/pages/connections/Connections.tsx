import { Empty } from "../../parts/Query";

export default function Connections() {
  return (
    <>
      <h1>Connections</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
