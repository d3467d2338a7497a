/** Which rows and columns are in the document, and where the keyboard goes. Pure arithmetic. */

export interface Span {
  from: number;
  /** The first one that is not in it. */
  to: number;
}

/**
 * What of `count` things of `size` pixels each is seen when `offset` pixels are scrolled away, and
 * so many more on both sides. It moves in steps of `spare`, so that not every pixel draws anew.
 */
export function spanOf(
  offset: number,
  seen: number,
  size: number,
  count: number,
  spare: number,
): Span {
  const first = Math.floor(Math.max(0, offset) / size / spare) * spare;
  const last = Math.ceil((Math.max(0, offset) + Math.max(0, seen)) / size / spare) * spare;
  return {
    from: Math.min(Math.max(0, first - spare), count),
    to: Math.min(count, last + spare),
  };
}

/** A place of a grid. Row -1 is the head, column -1 the names. */
export interface Place {
  row: number;
  column: number;
}

const PAGE = 10;

/** Where a key leads; undefined for a key that leads nowhere. */
export function moved(
  { row, column }: Place,
  { key, ctrlKey }: { key: string; ctrlKey: boolean },
  rows: number,
  columns: number,
): Place | undefined {
  const to = (nextRow: number, nextColumn: number): Place => ({
    row: Math.min(Math.max(-1, nextRow), rows - 1),
    column: Math.min(Math.max(-1, nextColumn), columns - 1),
  });
  switch (key) {
    case "ArrowLeft":
      return to(row, column - 1);
    case "ArrowRight":
      return to(row, column + 1);
    case "ArrowUp":
      return to(row - 1, column);
    case "ArrowDown":
      return to(row + 1, column);
    case "PageUp":
      return to(Math.max(0, row - PAGE), column);
    case "PageDown":
      return to(row + PAGE, column);
    case "Home":
      return ctrlKey ? to(0, 0) : to(row, 0);
    case "End":
      return ctrlKey ? to(rows - 1, columns - 1) : to(row, columns - 1);
    default:
      return undefined;
  }
}

/** How far to scroll so that what lies from `start` to `end` is seen between two edges. */
export function scrolledTo(now: number, seen: number, start: number, end: number): number {
  if (start < now) return start;
  if (end > now + seen) return end - seen;
  return now;
}

/** How high a bar is: its part of the longest one, and never so little that nobody sees it. */
export function barHeight(ms: number, longest: number, most: number, least = 4): number {
  if (longest <= 0) return least;
  return Math.max(least, Math.round((Math.max(0, ms) / longest) * most));
}
