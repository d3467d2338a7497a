import { Empty } from "../../parts/Query";

export default function Home() {
  return (
    <>
      <h1>Home</h1>
      <Empty>Nothing here yet.</Empty>
    </>
  );
}
