import { choose, useSettings } from "../../app/settings";
import { FoldButtons } from "../FoldButtons";

/** Above the graph: search, which way it goes, and all groups at once. */
export function Bar({
  search,
  onSearch,
  found,
  selected,
  onSelect,
  isComing,
  groups,
  foldAll,
  unfoldAll,
}: {
  search: string;
  onSearch: (text: string) => void;
  found: readonly string[] | undefined;
  selected: string | undefined;
  onSelect: (taskId: string) => void;
  /** Another layout is on its way. */
  isComing: boolean;
  groups: number;
  foldAll: () => void;
  unfoldAll: () => void;
}) {
  const { graphDirection } = useSettings();
  const at = found?.indexOf(selected ?? "") ?? -1;
  const next = (): void => {
    const task = found?.[(at + 1) % found.length];
    if (task !== undefined) onSelect(task);
  };
  return (
    <div className="graph-bar">
      <form
        role="search"
        onSubmit={(event) => {
          event.preventDefault();
          next();
        }}
      >
        <input
          type="search"
          aria-label="Find a task; Enter goes to the next one"
          placeholder="Find a task"
          value={search}
          onChange={(event) => onSearch(event.target.value)}
        />
        <span className="faint" role="status">
          {isComing && "Laying out… "}
          {found && (at < 0 ? `${found.length} found` : `${at + 1} of ${found.length}`)}
        </span>
      </form>
      <FoldButtons groups={groups} foldAll={foldAll} unfoldAll={unfoldAll} />
      <button
        type="button"
        onClick={() => choose({ graphDirection: graphDirection === "right" ? "down" : "right" })}
      >
        {graphDirection === "right" ? "Top to bottom" : "Left to right"}
      </button>
    </div>
  );
}
