import { Dialog } from "../parts/Dialog";
import { keys } from "./keys";

/** All keys that mean something now. */
export function KeysHelp({ onClose }: { onClose: () => void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl className="keys">
        {keys.list().map((each) => (
          <div key={each.keys}>
            <dt>
              {each.keys.split(" ").map((part, index) => (
                <span key={index}>
                  {index > 0 && " then "}
                  <kbd>{part.replace("ctrl+", "Ctrl + ")}</kbd>
                </span>
              ))}
            </dt>
            <dd>{each.what}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
