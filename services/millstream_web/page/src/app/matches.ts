/** What somebody means who types a few letters of a name. */

export interface Goal {
  /** What kind of thing it is: page, DAG, run. */
  kind: string;
  name: string;
  to: string;
  /** Something more about it. */
  detail?: string;
}

/**
 * How well a name fits what was typed: the higher the better, 0 not at all. As a whole, as the
 * beginning, as the beginning of a word, as a part, or letter by letter in this order.
 */
export function fit(name: string, typed: string): number {
  const text = name.toLowerCase();
  const wanted = typed.trim().toLowerCase();
  if (!wanted) return 1;
  if (text === wanted) return 100;
  if (text.startsWith(wanted)) return 80;
  const at = text.indexOf(wanted);
  if (at > 0) return /[\p{L}\p{N}]/u.test(text[at - 1]!) ? 40 : 60;
  return wanted.length > 1 && isSpread(text, wanted) ? 20 : 0;
}

function isSpread(text: string, wanted: string): boolean {
  let from = 0;
  for (const letter of wanted) {
    const found = text.indexOf(letter, from);
    if (found < 0) return false;
    from = found + letter.length;
  }
  return true;
}

/** The goals that fit, the best first; among equals the shorter name, then as they came. */
export function matches(goals: readonly Goal[], typed: string, most = 12): Goal[] {
  return goals
    .map((goal) => ({ goal, score: fit(goal.name, typed) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || (typed ? a.goal.name.length - b.goal.name.length : 0))
    .slice(0, most)
    .map(({ goal }) => goal);
}
