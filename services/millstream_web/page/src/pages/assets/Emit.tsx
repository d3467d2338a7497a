import { useState } from "react";
import type { Asset } from "../../api/types";
import { FormDialog } from "../../parts/form/FormDialog";
import { isObject } from "../../parts/form/schema";
import { Text } from "../../parts/form/Text";
import { ofJson } from "../../parts/form/texts";
import { useAct } from "../../parts/useAct";

/** Say that an asset was updated outside. */
export function Emit({ asset, onClose }: { asset: Asset; onClose: () => void }) {
  const [text, setText] = useState("");
  const reading = text.trim() ? ofJson(text) : { value: {} };
  const problem =
    "problem" in reading ? reading.problem : isObject(reading.value) ? undefined : "must be a JSON object";
  const extra = "value" in reading && isObject(reading.value) ? reading.value : {};
  const act = useAct("AssetService/EmitAssetEvent", {
    refreshed: ["AssetService/ListAssets", "AssetService/ListAssetEvents"],
    words: () => `${asset.name} was updated`,
    isQuiet: true,
  });
  const { namespace, name, uri } = asset;
  return (
    <FormDialog
      title={`Say that ${name} was updated`}
      action="Update"
      error={act.error}
      known={["extra"]}
      isPending={act.isPending}
      isReady={!problem}
      onSubmit={() => act.mutate({ namespace, name, uri, extra }, { onSuccess: onClose })}
      onClose={onClose}
    >
      {(problems) => (
        <>
          <p>It is as if it had been updated by a task: DAGs that wait for it may run.</p>
          <Text
            label="Extra"
            rows={4}
            hint="A JSON object that those DAGs can read. May be empty."
            value={text}
            onChange={setText}
            problem={problems.extra ?? problem}
            isFirst
          />
        </>
      )}
    </FormDialog>
  );
}
