import { Link } from "wouter";
import type { QueueStatus } from "../../api/types";
import { paths } from "../../app/paths";
import { Meter } from "../../parts/Meter";

/** Where tasks wait for a worker, and who takes them. */
export function Queues({ queues }: { queues: QueueStatus[] }) {
  return (
    <section className="sheet">
      <h2>
        Queues and <Link href={paths.workers()}>workers</Link>
      </h2>
      <table className="queues">
        <thead>
          <tr>
            <th scope="col">Queue</th>
            <th scope="col" className="number">
              Waiting
            </th>
            <th scope="col">Slots taken</th>
            <th scope="col" className="number">
              Workers
            </th>
          </tr>
        </thead>
        <tbody>
          {queues.map((queue) => (
            <tr key={queue.queue}>
              <td>{queue.queue}</td>
              <td className="number">{queue.waiting}</td>
              <td>
                {queue.busy} of {queue.slots}
                <Meter
                  label="Slots"
                  total={queue.slots}
                  parts={[{ name: "taken", state: "running", value: queue.busy }]}
                />
              </td>
              <td className="number">
                {queue.workers || <strong className="problem">none</strong>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {!queues.length && <p className="faint">No worker is alive, and nothing waits for one.</p>}
    </section>
  );
}
