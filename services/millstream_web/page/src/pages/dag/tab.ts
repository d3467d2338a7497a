import type { Dag } from "../../api/types";

/** What each tab gets. */
export interface TabProps {
  dag: Dag;
}
