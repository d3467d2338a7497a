/** Sizes in pixels, which the style sheet and the arithmetic share, and the ids of cells. */
import type { Place } from "./window";

export const ROW = 26;
export const COLUMN = 26;
export const HEAD = 108;
export const BAR = 64;
/** How wide the names are, in CSS. */
export const nameWidth = "var(--grid-names)";

export const idOf = ({ row, column }: Place): string => `cell-${row}-${column}`;
