import { useState } from "react";
import type { Pool } from "../../api/types";
import { Check } from "../../parts/control/Check";
import { FormDialog } from "../../parts/form/FormDialog";
import { Text } from "../../parts/form/Text";
import { useAct } from "../../parts/useAct";

/** Make a pool or change one. */
export function EditPool({
  namespace,
  pool,
  onClose,
}: {
  namespace: string;
  pool: Pool | "new";
  onClose: () => void;
}) {
  const before = pool === "new" ? undefined : pool;
  const [name, setName] = useState(before?.name ?? "");
  const [slots, setSlots] = useState(String(before?.slots ?? 8));
  const [description, setDescription] = useState(before?.description ?? "");
  const [includeDeferred, setIncludeDeferred] = useState(before?.includeDeferred ?? false);
  const act = useAct("PoolService/SetPool", {
    refreshed: ["PoolService/ListPools"],
    words: () => `Pool ${name} has ${slots === "-1" ? "no limit" : `${slots} slots`}`,
    isQuiet: true,
  });
  const isNumber = /^(-1|\d{1,9})$/.test(slots.trim());
  return (
    <FormDialog
      title={before ? `Pool ${before.name}` : "New pool"}
      action="Save"
      error={act.error}
      known={["name", "slots", "description"]}
      isPending={act.isPending}
      isReady={isNumber && name.trim() !== ""}
      onSubmit={() =>
        act.mutate(
          { namespace, name: name.trim(), slots: Number(slots), includeDeferred, description },
          { onSuccess: onClose },
        )
      }
      onClose={onClose}
    >
      {(problems) => (
        <>
          <Text
            label="Name"
            value={name}
            onChange={setName}
            problem={problems.name}
            isRequired
            isFirst={!before}
            isDisabled={Boolean(before)}
          />
          <Text
            label="Slots"
            hint="-1: no limit."
            value={slots}
            onChange={setSlots}
            problem={problems.slots ?? (isNumber ? undefined : "must be a whole number, or -1")}
            isRequired
            isFirst={Boolean(before)}
          />
          <Text label="Description" value={description} onChange={setDescription} problem={problems.description} />
          <Check name="Deferred tasks take slots too" is={includeDeferred} set={setIncludeDeferred} />
        </>
      )}
    </FormDialog>
  );
}
