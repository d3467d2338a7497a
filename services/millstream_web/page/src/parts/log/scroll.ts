/**
 * Browsers draw no element of more than some million pixels. A longer log is scrolled in a shorter
 * element: the bar moves through all of it, and rows are put where the bar is.
 */
export const TALLEST = 12_000_000;

/** How high the element is for content of this height. */
export function spacer(total: number): number {
  return Math.min(total, TALLEST);
}

/** What part of the content is at the top, for a place of the bar. */
export function offsetOf(scrollTop: number, total: number, height: number): number {
  if (total <= TALLEST) return scrollTop;
  return (scrollTop / (TALLEST - height)) * (total - height);
}

/** The place of the bar for a part of the content. */
export function scrollTopOf(offset: number, total: number, height: number): number {
  const within = Math.max(0, Math.min(offset, total - height));
  if (total <= TALLEST) return within;
  return (within / (total - height)) * (TALLEST - height);
}
