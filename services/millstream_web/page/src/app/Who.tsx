import { refused } from "../parts/toasts";
import { logOut, useSession } from "./session";

/** Who is logged in, where people do, and how to end it. */
export function Who() {
  const { user } = useSession();
  if (!user || user.authenticatedBy === "local") return null;
  return (
    <>
      <span className="who" title={`Logged in by ${user.authenticatedBy}`}>
        <span className="unseen">Logged in as </span>
        {user.name}
      </span>
      <button
        type="button"
        className="plain"
        onClick={() => void logOut().catch((error: Error) => refused(error.message))}
      >
        Log out
      </button>
    </>
  );
}
