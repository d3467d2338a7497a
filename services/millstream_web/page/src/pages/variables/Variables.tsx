import { useState } from "react";
import { pagesKey, usePages } from "../../api/pages";
import type { Variable } from "../../api/types";
import { useSettings } from "../../app/settings";
import { useRefreshed } from "../../live/hooks";
import { Confirm } from "../../parts/Confirm";
import { ListPage } from "../../parts/ListPage";
import type { Column } from "../../parts/Table";
import { Ago } from "../../parts/Time";
import { useAct } from "../../parts/useAct";
import { useTypedParam } from "../../parts/useTypedParam";
import { EditVariable } from "./EditVariable";
import { Value } from "./Value";

const METHOD = "VariableService/ListVariables";

export default function Variables() {
  const { namespace } = useSettings();
  const { asked, ...search } = useTypedParam("search");
  const [edited, edit] = useState<Variable | "new">();
  const [deleted, remove] = useState<Variable>();
  const request = { namespace, search: asked };
  const pages = usePages(METHOD, request);
  useRefreshed(pagesKey(METHOD, request), (event) => event.type.startsWith("Variable"));
  return (
    <>
      <ListPage
        title="Variables"
        search={search}
        intro="Settings that DAGs share. Values are kept encrypted and stand in no event. A value whose key is the name of a secret is never given out again: it can be replaced, and only tasks read it."
        actions={
          <button type="button" className="main" onClick={() => edit("new")}>
            New variable
          </button>
        }
        pages={pages}
        rowsOf={(answer) => answer.variables}
        columns={columns(edit, remove)}
        keyOf={(variable) => variable.key}
        nothing="There are no variables."
      />
      {edited && <EditVariable namespace={namespace} variable={edited} onClose={() => edit(undefined)} />}
      {deleted && <DeleteVariable variable={deleted} onClose={() => remove(undefined)} />}
    </>
  );
}

function columns(edit: (variable: Variable) => void, remove: (variable: Variable) => void): Column<Variable>[] {
  return [
    { name: "Key", cell: (variable) => <code className="name">{variable.key}</code> },
    { name: "Value", cell: (variable) => <Value variable={variable} /> },
    { name: "Description", isExtra: true, cell: (variable) => variable.description },
    { name: "Version", isNumber: true, isExtra: true, width: "5rem", cell: (variable) => variable.version },
    { name: "Changed", isExtra: true, width: "9rem", cell: (variable) => <Ago at={variable.updatedAt} /> },
    {
      name: "Actions",
      cell: (variable) => (
        <div className="row-actions">
          <button type="button" onClick={() => edit(variable)} aria-label={`Replace ${variable.key}`}>
            Replace
          </button>
          <button
            type="button"
            className="danger"
            onClick={() => remove(variable)}
            aria-label={`Delete ${variable.key}`}
          >
            Delete
          </button>
        </div>
      ),
    },
  ];
}

function DeleteVariable({ variable, onClose }: { variable: Variable; onClose: () => void }) {
  const { namespace, key } = variable;
  const act = useAct("VariableService/DeleteVariable", {
    refreshed: [METHOD],
    words: () => `Variable ${key} is deleted`,
  });
  return (
    <Confirm
      title={`Delete variable ${key}?`}
      action="Delete"
      isPending={act.isPending}
      onClose={onClose}
      onConfirm={() => act.mutate({ namespace, key }, { onSettled: onClose })}
    >
      <p>Its value is gone for good. Tasks that read it fail, unless they have a default.</p>
    </Confirm>
  );
}
