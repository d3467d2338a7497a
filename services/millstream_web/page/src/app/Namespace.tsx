import { type FormEvent, useId, useState } from "react";
import { useRead } from "../api/queries";
import { Dialog } from "../parts/Dialog";
import { choose, settings } from "./settings";

/** Choose the namespace that the pages show. */
export function Namespace({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState(settings.namespace);
  const id = useId();
  const me = useRead("AccessService/WhoAmI", {});
  const granted = (me.data?.roles ?? []).map((role) => role.namespace);
  const known = [...new Set(["default", settings.namespace, ...granted])].filter((each) => each !== "*");
  const take = (event: FormEvent) => {
    event.preventDefault();
    choose({ namespace: name.trim() || "default" });
    onClose();
  };
  return (
    <Dialog title="Namespace" onClose={onClose}>
      <form className="form" onSubmit={take}>
        <label>
          DAGs, runs, pools, variables, connections and assets are shown of
          <input
            value={name}
            list={id}
            data-focus
            onFocus={(event) => event.target.select()}
            onChange={(event) => setName(event.target.value)}
          />
        </label>
        <datalist id={id}>
          {known.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
        <div>
          <button type="submit" className="main">
            Show
          </button>
        </div>
      </form>
    </Dialog>
  );
}
