/**
 * Where the events of a run are on its time bar: by time, with long gaps made short, and with some
 * room for those that come at once.
 */
export interface Scale {
  /** From 0 to 1, of the event at a place of the list. */
  of: (index: number) => number;
  /** The event that is nearest. */
  at: (share: number) => number;
  /** The shares between which a gap is made short, and how long it is. */
  gaps: { from: number; to: number; ms: number }[];
}

/** The part of the bar that is shared out evenly. */
const EVEN = 0.2;
/** No gap takes more of the bar, unless there are few. */
const LARGEST = 0.08;
/** A gap that is cut by less than this, or that is shorter, is not worth a sign. */
const SHORTENED = 3;
const SHORTEST_MS = 1000;

export function timeScale(times: readonly number[]): Scale {
  const count = times.length;
  if (count < 2) return { of: () => 1, at: () => count - 1, gaps: [] };
  const gapAt = (index: number) => Math.max(0, (times[index] ?? 0) - (times[index - 1] ?? 0));
  const most = longest(count, gapAt);
  const shares = new Float64Array(count);
  let sum = 0;
  for (let index = 1; index < count; index++) sum += Math.min(gapAt(index), most);
  let passed = 0;
  for (let index = 1; index < count; index++) {
    passed += Math.min(gapAt(index), most);
    const even = index / (count - 1);
    shares[index] = sum > 0 ? even * EVEN + (passed / sum) * (1 - EVEN) : even;
  }
  const gaps: Scale["gaps"] = [];
  for (let index = 1; index < count; index++) {
    const ms = gapAt(index);
    if (ms > most * SHORTENED && ms >= SHORTEST_MS) gaps.push({ from: shares[index - 1] ?? 0, to: shares[index] ?? 0, ms });
  }
  return { of: (index) => shares[index] ?? 1, at: (share) => nearest(shares, share), gaps };
}

/** The length to which gaps are cut, so that none of them takes more than its part of all. */
function longest(count: number, gapAt: (index: number) => number): number {
  const part = Math.max(LARGEST, 2 / count);
  let most = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 12; round++) {
    let sum = 0;
    for (let index = 1; index < count; index++) sum += Math.min(gapAt(index), most);
    const next = sum * part;
    if (!(next < most * 0.999)) break;
    most = next;
  }
  return most;
}

function nearest(shares: Float64Array, share: number): number {
  let low = 0;
  let high = shares.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((shares[middle] ?? 0) < share) low = middle + 1;
    else high = middle;
  }
  const before = low - 1;
  if (before < 0) return low;
  return share - (shares[before] ?? 0) < (shares[low] ?? 0) - share ? before : low;
}
