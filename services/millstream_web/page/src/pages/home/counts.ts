/** The number of things in a state. */
export function countOf<S extends string>(counts: readonly { state: S; count: number }[], state: S): number {
  return counts.find((each) => each.state === state)?.count ?? 0;
}
