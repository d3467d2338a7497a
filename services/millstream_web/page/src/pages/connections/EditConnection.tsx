import { useState } from "react";
import { useRead } from "../../api/queries";
import type { Connection } from "../../api/types";
import { Dialog } from "../../parts/Dialog";
import { FormDialog } from "../../parts/form/FormDialog";
import { Text } from "../../parts/form/Text";
import { Query } from "../../parts/Query";
import { useAct } from "../../parts/useAct";
import { type ConnectionForm, fieldsOf, formOf, problems } from "./fields";

interface Props {
  namespace: string;
  connection: Connection | "new";
  onClose: () => void;
}

/** Make a connection or replace one. */
export function EditConnection({ namespace, connection, onClose }: Props) {
  const isNew = connection === "new";
  const connId = isNew ? "" : connection.connId;
  const read = useRead("ConnectionService/GetConnection", { namespace, connId }, { enabled: !isNew, staleTime: 0, gcTime: 0 });
  if (isNew) return <Form namespace={namespace} before={undefined} onClose={onClose} />;
  // What was read before may be old: the form begins with what is true now.
  if (read.data?.connection && !read.isFetching) {
    return <Form namespace={namespace} before={read.data.connection} onClose={onClose} />;
  }
  return (
    <Dialog title={connId} onClose={onClose}>
      <Query of={{ ...read, data: undefined } as typeof read}>{() => null}</Query>
    </Dialog>
  );
}

const LINES: readonly { name: keyof ConnectionForm; label: string; hint?: string }[] = [
  { name: "host", label: "Host" },
  { name: "port", label: "Port" },
  { name: "schema", label: "Schema", hint: "Of a database: its name." },
  { name: "login", label: "Login" },
];

function Form({ namespace, before, onClose }: { namespace: string; before: Connection | undefined; onClose: () => void }) {
  const [form, setForm] = useState(() => formOf(before));
  const act = useAct("ConnectionService/SetConnection", {
    refreshed: ["ConnectionService/ListConnections", "ConnectionService/GetConnection"],
    words: (_, { version }) => `Connection ${form.connId} is set (version ${version})`,
    isQuiet: true,
  });
  const wrong = problems(form);
  const set = (name: keyof ConnectionForm) => (value: string) => setForm({ ...form, [name]: value });
  const said = { namespace, connId: form.connId.trim(), fields: fieldsOf(form), description: form.description };
  return (
    <FormDialog
      title={before ? `Replace ${before.connId}` : "New connection"}
      action={before ? "Replace" : "Save"}
      error={act.error}
      known={["conn_id"]}
      isPending={act.isPending}
      isReady={form.connId.trim() !== "" && form.connType.trim() !== "" && !Object.keys(wrong).length}
      onSubmit={() => act.mutate({ ...said, mustBeNew: !before }, { onSuccess: onClose })}
      onClose={onClose}
    >
      {(refused) => (
        <>
          <Text
            label="Connection id"
            value={form.connId}
            onChange={set("connId")}
            problem={refused.conn_id}
            isRequired
            isFirst={!before}
            isDisabled={Boolean(before)}
          />
          <Text label="Type" hint="Such as postgres or http." value={form.connType} onChange={set("connType")} isRequired />
          {LINES.map(({ name, label, hint }) => (
            <Text key={name} label={label} hint={hint} value={form[name]} onChange={set(name)} problem={wrong[name]} />
          ))}
          <Text
            label="Password"
            value={form.password}
            onChange={set("password")}
            isSecret
            hint={
              before?.hasPassword
                ? "It has one, which is never shown. Type it again: left empty, the connection has none any more."
                : "Only on the way in: it is never shown again."
            }
          />
          <Text label="Extra" rows={4} hint="A JSON object." value={form.extra} onChange={set("extra")} problem={wrong.extra} />
          <Text label="Description" value={form.description} onChange={set("description")} />
        </>
      )}
    </FormDialog>
  );
}
