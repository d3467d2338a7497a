import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "../api/call";

/** What a read gave: its answer, that it is on its way, or why there is none. */
export function Query<T>({
  of,
  children,
}: {
  of: UseQueryResult<T, Error>;
  children: (answer: T) => ReactNode;
}) {
  if (of.data !== undefined) return <>{children(of.data)}</>;
  if (of.error) return <Failure error={of.error} again={() => void of.refetch()} />;
  const why = of.failureReason ? `${of.failureReason.message} Trying again…` : "Loading…";
  return <p className="loading">{why}</p>;
}

/** Why something did not work, in the words of the API. */
export function Failure({ error, again }: { error: Error; again?: () => void }) {
  const violations = error instanceof ApiError ? error.violations : [];
  return (
    <div className="failure" role="alert">
      <p>{error.message}</p>
      {violations.length > 0 && (
        <ul>
          {violations.map((each) => (
            <li key={each.field + each.description}>
              <code>{each.field}</code> {each.description}
            </li>
          ))}
        </ul>
      )}
      {again && (
        <button type="button" onClick={again}>
          Try again
        </button>
      )}
    </div>
  );
}

/** What stands where there is nothing. */
export function Empty({ children }: { children: ReactNode }) {
  return <p className="empty">{children}</p>;
}
