import { useState } from "react";
import { more, pagesKey, usePages } from "../../api/pages";
import type { User } from "../../api/types";
import { useRefreshed } from "../../live/hooks";
import { Confirm } from "../../parts/Confirm";
import { FormDialog } from "../../parts/form/FormDialog";
import { Text } from "../../parts/form/Text";
import { Empty, Query } from "../../parts/Query";
import { type Column, Table } from "../../parts/Table";
import { Ago } from "../../parts/Time";
import { useAct } from "../../parts/useAct";

const METHOD = "AccessService/ListUsers";

/** People and services that may have tokens. */
export function Users() {
  const pages = usePages(METHOD, {});
  const [isNew, makeNew] = useState(false);
  const [deleted, remove] = useState<User>();
  useRefreshed(pagesKey(METHOD, {}), (event) => event.type.startsWith("User"));
  const columns: Column<User>[] = [
    { name: "User", cell: (user) => user.name },
    { name: "Made", isExtra: true, cell: (user) => <Ago at={user.createdAt} /> },
    {
      name: "Actions",
      cell: (user) => (
        <div className="row-actions">
          <button type="button" className="danger" aria-label={`Delete ${user.name}`} onClick={() => remove(user)}>
            Delete
          </button>
        </div>
      ),
    },
  ];
  return (
    <>
      <div className="head">
        <button type="button" className="main" onClick={() => makeNew(true)}>
          New user
        </button>
      </div>
      <Query of={pages}>
        {(data) => {
          const users = data.pages.flatMap((page) => page.users);
          if (!users.length) return <Empty>There are no users. Whom a provider names needs none to have roles.</Empty>;
          return (
            <Table label="Users" rows={users} columns={columns} keyOf={(user) => user.name} onEnd={() => more(pages)} />
          );
        }}
      </Query>
      {isNew && <NewUser onClose={() => makeNew(false)} />}
      {deleted && <DeleteUser user={deleted} onClose={() => remove(undefined)} />}
    </>
  );
}

function NewUser({ onClose }: { onClose: () => void }) {
  const [name, setName] = useState("");
  const act = useAct("AccessService/CreateUser", {
    refreshed: [METHOD],
    words: () => `User ${name} is made`,
    isQuiet: true,
  });
  return (
    <FormDialog
      title="New user"
      action="Make"
      error={act.error}
      known={["name"]}
      isPending={act.isPending}
      isReady={name.trim() !== ""}
      onSubmit={() => act.mutate({ name: name.trim() }, { onSuccess: onClose })}
      onClose={onClose}
    >
      {(problems) => (
        <Text label="Name" value={name} onChange={setName} problem={problems.name} isRequired isFirst />
      )}
    </FormDialog>
  );
}

function DeleteUser({ user, onClose }: { user: User; onClose: () => void }) {
  const act = useAct("AccessService/DeleteUser", {
    refreshed: [METHOD, "AccessService/ListRoles", "AccessService/ListTokens"],
    words: () => `User ${user.name} is deleted`,
  });
  return (
    <Confirm
      title={`Delete user ${user.name}?`}
      action="Delete"
      isPending={act.isPending}
      onClose={onClose}
      onConfirm={() => act.mutate({ name: user.name }, { onSettled: onClose })}
    >
      <p>With all tokens and roles of the user.</p>
    </Confirm>
  );
}
