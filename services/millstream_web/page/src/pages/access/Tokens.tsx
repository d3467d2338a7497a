import { useState } from "react";
import { more, pagesKey, usePages } from "../../api/pages";
import type { Token } from "../../api/types";
import { useRefreshed } from "../../live/hooks";
import { Confirm } from "../../parts/Confirm";
import { Empty, Query } from "../../parts/Query";
import { type Column, Table } from "../../parts/Table";
import { Ago, Time } from "../../parts/Time";
import { useAct } from "../../parts/useAct";
import { NewToken } from "./NewToken";

const METHOD = "AccessService/ListTokens";

/** Tokens: of everybody for who may see them, else one's own. */
export function Tokens({ mayAll }: { mayAll: boolean }) {
  const request = { user: mayAll ? "*" : "" };
  const pages = usePages(METHOD, request);
  const [isNew, makeNew] = useState(false);
  const [revoked, revoke] = useState<Token>();
  useRefreshed(pagesKey(METHOD, request), (event) => event.type.startsWith("Token"));
  return (
    <>
      <div className="head">
        <button type="button" className="main" onClick={() => makeNew(true)}>
          New token
        </button>
      </div>
      <Query of={pages}>
        {(data) => {
          const tokens = data.pages.flatMap((page) => page.tokens);
          if (!tokens.length) return <Empty>There are no tokens.</Empty>;
          return (
            <Table
              label="Tokens"
              rows={tokens}
              columns={columns(revoke)}
              keyOf={(token) => token.tokenId}
              onEnd={() => more(pages)}
            />
          );
        }}
      </Query>
      {isNew && <NewToken mayAll={mayAll} onClose={() => makeNew(false)} />}
      {revoked && <Revoke token={revoked} onClose={() => revoke(undefined)} />}
    </>
  );
}

function columns(revoke: (token: Token) => void): Column<Token>[] {
  return [
    { name: "Token", cell: (token) => <code className="name">{token.tokenId}</code> },
    { name: "User", cell: (token) => token.user },
    { name: "Label", isExtra: true, cell: (token) => token.label },
    { name: "Scopes", isExtra: true, cell: (token) => token.scopes.join(", ") || "all that its user may" },
    { name: "Made", isExtra: true, cell: (token) => <Ago at={token.createdAt} /> },
    {
      name: "Good until",
      isExtra: true,
      cell: (token) => (token.expiresAt ? <Time at={token.expiresAt} /> : "for ever"),
    },
    {
      name: "Actions",
      cell: (token) => (
        <div className="row-actions">
          <button
            type="button"
            className="danger"
            aria-label={`Revoke ${token.label || token.tokenId}`}
            onClick={() => revoke(token)}
          >
            Revoke
          </button>
        </div>
      ),
    },
  ];
}

function Revoke({ token, onClose }: { token: Token; onClose: () => void }) {
  const act = useAct("AccessService/RevokeToken", {
    refreshed: [METHOD],
    words: () => `Token ${token.tokenId} is revoked`,
  });
  return (
    <Confirm
      title={`Revoke token ${token.label || token.tokenId}?`}
      action="Revoke"
      isPending={act.isPending}
      onClose={onClose}
      onConfirm={() => act.mutate({ tokenId: token.tokenId }, { onSettled: onClose })}
    >
      <p>Calls with it are refused from now on, and streams that it opened end.</p>
    </Confirm>
  );
}
