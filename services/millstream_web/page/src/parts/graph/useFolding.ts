import { useEffect, useMemo, useState } from "react";
import type { GroupTree } from "../groups";
import { foldedAtFirst, unfoldedTo } from "./visible";

export interface Folding {
  folded: ReadonlySet<string>;
  turn: (groupId: string) => void;
  foldAll: () => void;
  unfoldAll: () => void;
}

/** Which groups are folded. What is chosen is seen, whoever chose it; afterwards it may be folded again. */
export function useFolding(tree: GroupTree, selected: string | undefined): Folding {
  const [chosen, choose] = useState<ReadonlySet<string>>();
  const folded = useMemo(() => chosen ?? foldedAtFirst(tree), [chosen, tree]);
  useEffect(() => {
    if (selected === undefined) return;
    choose((now) => unfoldedTo(tree, now ?? foldedAtFirst(tree), selected));
  }, [selected, tree]);
  const turn = (groupId: string): void => {
    const next = new Set(folded);
    if (!next.delete(groupId)) next.add(groupId);
    choose(next);
  };
  return {
    folded,
    turn,
    foldAll: () => choose(new Set(tree.groups.keys())),
    unfoldAll: () => choose(new Set()),
  };
}
