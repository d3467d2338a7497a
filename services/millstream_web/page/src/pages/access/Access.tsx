import { useRead } from "../../api/queries";
import { useSearchParams } from "wouter";
import { Query } from "../../parts/Query";
import { Tabs } from "../../parts/Tabs";
import type { WhoAmIResponse } from "../../api/types";
import { Roles } from "./Roles";
import { placeOf, roleName } from "./grants";
import { Tokens } from "./Tokens";
import { Users } from "./Users";

const TABS = [
  { id: "me", name: "You", to: "/access" },
  { id: "tokens", name: "Tokens", to: "/access?of=tokens" },
  { id: "roles", name: "Roles", to: "/access?of=roles" },
  { id: "users", name: "Users", to: "/access?of=users" },
] as const;

/** Who may do what. */
export default function Access() {
  const [params] = useSearchParams();
  const tab = TABS.find(({ id }) => id === params.get("of"))?.id ?? "me";
  const me = useRead("AccessService/WhoAmI", {});
  return (
    <>
      <h1>Access</h1>
      <Tabs label="Access" tabs={TABS} now={tab} />
      <Query of={me}>
        {(who) => (
          <>
            {who.authenticatedBy === "local" && tab !== "me" && (
              <p className="faint">Nobody logs in here; what is made now is good as soon as somebody does.</p>
            )}
            {tab === "me" && <Me who={who} />}
            {tab === "tokens" && <Tokens mayAll={isAdmin(who)} />}
            {tab === "roles" && <Roles mayAll={isAdmin(who)} />}
            {tab === "users" && <Users />}
          </>
        )}
      </Query>
    </>
  );
}

function isAdmin(who: WhoAmIResponse): boolean {
  return who.roles.some((role) => role.role === "ROLE_ADMIN" && role.namespace === "*");
}

function Me({ who }: { who: WhoAmIResponse }) {
  return (
    <dl className="facts sheet">
      <dt>Name</dt>
      <dd>{who.name}</dd>
      <dt>Proved by</dt>
      <dd>{who.authenticatedBy === "local" ? "nothing: nobody logs in here" : who.authenticatedBy}</dd>
      {who.groups.length > 0 && (
        <>
          <dt>Groups</dt>
          <dd>{who.groups.join(", ")}</dd>
        </>
      )}
      <dt>Roles</dt>
      <dd>
        {who.roles.length
          ? who.roles.map((role) => `${roleName(role.role)} of ${placeOf(role)}`).join("; ")
          : "none"}
      </dd>
      {who.tokenScopes.length > 0 && (
        <>
          <dt>Narrowed by the token to</dt>
          <dd>{who.tokenScopes.join(", ")}</dd>
        </>
      )}
    </dl>
  );
}
