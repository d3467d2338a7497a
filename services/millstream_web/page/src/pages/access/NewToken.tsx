import { useState } from "react";
import { Copy } from "../../parts/Copy";
import { Dialog } from "../../parts/Dialog";
import { FormDialog } from "../../parts/form/FormDialog";
import { Instant } from "../../parts/form/Instant";
import { Text } from "../../parts/form/Text";
import { useAct } from "../../parts/useAct";
import { scopesOf } from "./grants";

/** Make a token, and show its secret once. */
export function NewToken({ mayAll, onClose }: { mayAll: boolean; onClose: () => void }) {
  const [user, setUser] = useState("");
  const [label, setLabel] = useState("");
  const [scopes, setScopes] = useState("");
  const [expiresAt, setExpiresAt] = useState<string>();
  const act = useAct("AccessService/CreateToken", {
    refreshed: ["AccessService/ListTokens"],
    words: (_, { tokenId }) => `Token ${tokenId} is made`,
    isQuiet: true,
  });
  const said = scopesOf(scopes);
  if (act.data) return <Secret secret={act.data.secret} onClose={onClose} />;
  return (
    <FormDialog
      title="New token"
      action="Make"
      error={act.error}
      known={["user", "label", "scopes", "expires_at"]}
      isPending={act.isPending}
      isReady={!said.wrong.length}
      onSubmit={() =>
        act.mutate({ user: user.trim(), label: label.trim(), scopes: said.scopes, ...(expiresAt ? { expiresAt } : {}) })
      }
      onClose={onClose}
    >
      {(problems) => (
        <>
          <Text label="Label" hint="What it is for." value={label} onChange={setLabel} problem={problems.label} isFirst />
          {mayAll && (
            <Text label="User" hint="Empty: you." value={user} onChange={setUser} problem={problems.user} />
          )}
          <Text
            label="Scopes"
            rows={3}
            hint="ROLE, ROLE:NAMESPACE or ROLE:NAMESPACE/DAG, one on each line: it may no more than these. Empty: all that its user may."
            value={scopes}
            onChange={setScopes}
            problem={problems.scopes ?? (said.wrong.length ? `${said.wrong.join(", ")}: no scope` : undefined)}
          />
          <Instant
            label="Good until"
            hint="Empty: for ever."
            value={expiresAt}
            onChange={setExpiresAt}
            problem={problems.expires_at}
          />
        </>
      )}
    </FormDialog>
  );
}

function Secret({ secret, onClose }: { secret: string; onClose: () => void }) {
  return (
    <Dialog title="The new token" onClose={onClose}>
      <p>
        <strong>It is shown here and never again.</strong> Keep it where nobody else reads it.
      </p>
      <p>
        <code className="name" data-secret>
          {secret}
        </code>{" "}
        <Copy text={secret} what="the token" />
      </p>
      <div className="actions">
        <button type="button" onClick={onClose}>
          I have it
        </button>
      </div>
    </Dialog>
  );
}
