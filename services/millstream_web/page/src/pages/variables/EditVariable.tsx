import { useState } from "react";
import type { Variable } from "../../api/types";
import { FormDialog } from "../../parts/form/FormDialog";
import { Text } from "../../parts/form/Text";
import { useAct } from "../../parts/useAct";

/** Make a variable or give one another value. The value that it has is not shown. */
export function EditVariable({
  namespace,
  variable,
  onClose,
}: {
  namespace: string;
  variable: Variable | "new";
  onClose: () => void;
}) {
  const before = variable === "new" ? undefined : variable;
  const [key, setKey] = useState(before?.key ?? "");
  const [value, setValue] = useState("");
  const [description, setDescription] = useState(before?.description ?? "");
  const act = useAct("VariableService/SetVariable", {
    refreshed: ["VariableService/ListVariables", "VariableService/GetVariable"],
    words: (_, { version }) => `Variable ${key} is set (version ${version})`,
    isQuiet: true,
  });
  return (
    <FormDialog
      title={before ? `Replace the value of ${before.key}` : "New variable"}
      action={before ? "Replace" : "Save"}
      error={act.error}
      known={["key", "value", "description"]}
      isPending={act.isPending}
      isReady={key.trim() !== ""}
      onSubmit={() => act.mutate({ namespace, key: key.trim(), value, description }, { onSuccess: onClose })}
      onClose={onClose}
    >
      {(problems) => (
        <>
          <Text
            label="Key"
            value={key}
            onChange={setKey}
            problem={problems.key}
            isRequired
            isFirst={!before}
            isDisabled={Boolean(before)}
          />
          <Text
            label="Value"
            rows={4}
            value={value}
            onChange={setValue}
            problem={problems.value}
            hint={before ? "It takes the place of the value that is there, which is not shown here." : undefined}
            isFirst={Boolean(before)}
          />
          <Text label="Description" value={description} onChange={setDescription} problem={problems.description} />
        </>
      )}
    </FormDialog>
  );
}
