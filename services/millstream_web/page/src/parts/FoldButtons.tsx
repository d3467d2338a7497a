/** Folds or unfolds all groups; nothing where there are none. */
export function FoldButtons({
  groups,
  foldAll,
  unfoldAll,
}: {
  groups: number;
  foldAll: () => void;
  unfoldAll: () => void;
}) {
  if (!groups) return null;
  return (
    <>
      <button type="button" onClick={foldAll}>
        Fold all
      </button>
      <button type="button" onClick={unfoldAll}>
        Unfold all
      </button>
    </>
  );
}
