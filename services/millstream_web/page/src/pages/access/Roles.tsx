import { useState } from "react";
import { more, pagesKey, usePages } from "../../api/pages";
import type { Role, RoleBinding } from "../../api/types";
import { useSettings } from "../../app/settings";
import { useRefreshed } from "../../live/hooks";
import { Confirm } from "../../parts/Confirm";
import { FormDialog } from "../../parts/form/FormDialog";
import { Labelled } from "../../parts/form/Labelled";
import { Text } from "../../parts/form/Text";
import { Empty, Query } from "../../parts/Query";
import { type Column, Table } from "../../parts/Table";
import { Ago } from "../../parts/Time";
import { useAct } from "../../parts/useAct";
import { placeOf, ROLES, roleName } from "./grants";

const METHOD = "AccessService/ListRoles";

/** Who has which role where: everywhere for who may see that, else in one's namespace. */
export function Roles({ mayAll }: { mayAll: boolean }) {
  const { namespace } = useSettings();
  const request = { namespace: mayAll ? "*" : namespace };
  const pages = usePages(METHOD, request);
  const [isNew, makeNew] = useState(false);
  const [revoked, revoke] = useState<RoleBinding>();
  useRefreshed(pagesKey(METHOD, request), (event) => event.type.startsWith("Role"));
  const columns: Column<RoleBinding>[] = [
    { name: "Subject", cell: (role) => role.subject },
    { name: "Role", cell: (role) => roleName(role.role) },
    { name: "On", cell: placeOf },
    { name: "Granted", isExtra: true, cell: (role) => <Granted role={role} /> },
    {
      name: "Actions",
      cell: (role) => (
        <div className="row-actions">
          <button
            type="button"
            className="danger"
            aria-label={`Revoke ${roleName(role.role)} of ${role.subject}`}
            onClick={() => revoke(role)}
          >
            Revoke
          </button>
        </div>
      ),
    },
  ];
  return (
    <>
      <div className="head">
        <button type="button" className="main" onClick={() => makeNew(true)}>
          Grant a role
        </button>
      </div>
      <Query of={pages}>
        {(data) => {
          const roles = data.pages.flatMap((page) => page.roles);
          if (!roles.length) return <Empty>Nobody has a role yet.</Empty>;
          return (
            <Table
              label="Roles"
              rows={roles}
              columns={columns}
              keyOf={(role) => `${role.subject} ${role.role} ${role.namespace} ${role.dagId}`}
              onEnd={() => more(pages)}
            />
          );
        }}
      </Query>
      {isNew && <Grant onClose={() => makeNew(false)} />}
      {revoked && <Revoke role={revoked} onClose={() => revoke(undefined)} />}
    </>
  );
}

function Granted({ role }: { role: RoleBinding }) {
  return (
    <>
      <Ago at={role.grantedAt} /> <span className="faint">{role.grantedBy && `by ${role.grantedBy}`}</span>
    </>
  );
}

function Grant({ onClose }: { onClose: () => void }) {
  const { namespace } = useSettings();
  const [subject, setSubject] = useState("");
  const [role, setRole] = useState<Role>("ROLE_VIEWER");
  const [place, setPlace] = useState(namespace);
  const [dagId, setDagId] = useState("");
  const act = useAct("AccessService/GrantRole", {
    refreshed: [METHOD, "AccessService/WhoAmI"],
    words: () => `${subject} is ${roleName(role)} of ${placeOf({ namespace: place, dagId })}`,
    isQuiet: true,
  });
  return (
    <FormDialog
      title="Grant a role"
      action="Grant"
      error={act.error}
      known={["subject", "namespace", "dag_id", "role"]}
      isPending={act.isPending}
      isReady={subject.trim() !== "" && place.trim() !== ""}
      onSubmit={() =>
        act.mutate({ subject: subject.trim(), role, namespace: place.trim(), dagId: dagId.trim() }, { onSuccess: onClose })
      }
      onClose={onClose}
    >
      {(problems) => (
        <>
          <Text
            label="Subject"
            hint="A user, or group:NAME for those of whom the provider says so."
            value={subject}
            onChange={setSubject}
            problem={problems.subject}
            isRequired
            isFirst
          />
          <Labelled label="Role" hint={ROLES.find(({ id }) => id === role)?.may} problem={problems.role}>
            {(wired) => (
              <select {...wired} value={role} onChange={(event) => setRole(event.target.value as Role)}>
                {ROLES.map(({ id, name }) => (
                  <option key={id} value={id}>
                    {name}
                  </option>
                ))}
              </select>
            )}
          </Labelled>
          <Text
            label="Namespace"
            hint="*: all of them."
            value={place}
            onChange={setPlace}
            problem={problems.namespace}
            isRequired
          />
          <Text label="DAG" hint="Empty: all DAGs." value={dagId} onChange={setDagId} problem={problems.dag_id} />
        </>
      )}
    </FormDialog>
  );
}

function Revoke({ role, onClose }: { role: RoleBinding; onClose: () => void }) {
  const act = useAct("AccessService/RevokeRole", {
    refreshed: [METHOD, "AccessService/WhoAmI"],
    words: () => `${role.subject} is no longer ${roleName(role.role)}`,
  });
  const { subject, namespace, dagId } = role;
  return (
    <Confirm
      title={`Revoke ${roleName(role.role)} of ${subject}?`}
      action="Revoke"
      isPending={act.isPending}
      onClose={onClose}
      onConfirm={() => act.mutate({ subject, role: role.role, namespace, dagId }, { onSettled: onClose })}
    >
      <p>On {placeOf(role)}, from now on.</p>
    </Confirm>
  );
}
