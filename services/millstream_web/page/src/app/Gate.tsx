import type { ReactNode } from "react";
import { Login } from "../pages/login/Login";
import { useSession } from "./session";

/** The pages, for those who need not log in first. */
export function Gate({ children }: { children: ReactNode }) {
  const { state } = useSession();
  if (state === "known") return children;
  return <main id="main">{state === "stranger" ? <Login /> : <p className="loading">Loading…</p>}</main>;
}
