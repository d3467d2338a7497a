/**
 * What programs print for terminals, as pieces of text with a style: colours (16, 256, true), bold
 * and the like. Cursor movements and all other sequences are dropped.
 */

/** 0 to 15: one of the sixteen, which the theme colours; else `#rrggbb`. */
export type Colour = number | string;

export interface Style {
  fg?: Colour;
  bg?: Colour;
  bold?: boolean;
  dim?: boolean;
  italic?: boolean;
  underline?: boolean;
  inverse?: boolean;
  strike?: boolean;
}

export interface Span {
  text: string;
  style: Style;
}

export const PLAIN: Style = {};

// A sequence, whole or cut off at the end, or a control character other than a tab.
const CONTROLS =
  // biome-ignore lint: these are the characters that are looked for
  /(?:\x1b\[|\x9b)([0-?]*)([ -/]*)([@-~]?)|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\|$)|\x1b[ -/]+[0-~]?|\x1b[0-~]?|[\x00-\x08\x0a-\x1f\x7f-\x9f]/g;
const HAS_CONTROLS = /[\x00-\x08\x0a-\x1f\x7f-\x9f]/;

/** The pieces of one line, which begins in `start`; and the style in which the next one begins. */
export function parseAnsi(line: string, start: Style = PLAIN): { spans: Span[]; end: Style } {
  if (!HAS_CONTROLS.test(line)) return { spans: line ? [{ text: line, style: start }] : [], end: start };
  const spans: Span[] = [];
  let style = start;
  let from = 0;
  const text = overwritten(line);
  for (const found of text.matchAll(CONTROLS)) {
    add(spans, text.slice(from, found.index), style);
    from = found.index + found[0].length;
    if (found[3] === "m" && !found[2]) style = restyled(style, found[1] ?? "");
  }
  add(spans, text.slice(from), style);
  return { spans, end: style };
}

/** The text alone. */
export function stripAnsi(line: string): string {
  return HAS_CONTROLS.test(line) ? overwritten(line).replace(CONTROLS, "") : line;
}

export function hasEscapes(line: string): boolean {
  return line.includes("\x1b") || line.includes("\x9b");
}

/** A progress bar writes over itself: what came last is seen. */
function overwritten(line: string): string {
  const whole = line.replace(/\r+$/, "");
  return whole.slice(whole.lastIndexOf("\r") + 1);
}

function add(spans: Span[], text: string, style: Style): void {
  if (!text) return;
  const last = spans.at(-1);
  if (last && last.style === style) last.text += text;
  else spans.push({ text, style });
}

function restyled(before: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map((each) => (each === "" ? 0 : Number(each)));
  const style: Style = { ...before };
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0;
    if (code === 38 || code === 48) {
      const [colour, used] = extended(codes, at + 1);
      at += used;
      if (colour !== undefined) style[code === 38 ? "fg" : "bg"] = colour;
    } else {
      apply(style, code);
    }
  }
  return Object.keys(style).length ? style : PLAIN;
}

const ON: Record<number, keyof Style> = {
  1: "bold",
  2: "dim",
  3: "italic",
  4: "underline",
  7: "inverse",
  9: "strike",
};
const OFF: Record<number, (keyof Style)[]> = {
  22: ["bold", "dim"],
  23: ["italic"],
  24: ["underline"],
  27: ["inverse"],
  29: ["strike"],
  39: ["fg"],
  49: ["bg"],
};

function apply(style: Style, code: number): void {
  const on = ON[code];
  if (on) Object.assign(style, { [on]: true });
  else if (code === 0) for (const name of Object.keys(style)) delete style[name as keyof Style];
  else if (code in OFF) for (const name of OFF[code] ?? []) delete style[name];
  else if (code >= 30 && code <= 37) style.fg = code - 30;
  else if (code >= 40 && code <= 47) style.bg = code - 40;
  else if (code >= 90 && code <= 97) style.fg = code - 90 + 8;
  else if (code >= 100 && code <= 107) style.bg = code - 100 + 8;
}

/** The colour after a 38 or 48, and how many codes it takes. */
function extended(codes: number[], at: number): [Colour | undefined, number] {
  if (codes[at] === 5) return [indexed(codes[at + 1] ?? -1), 2];
  if (codes[at] === 2) return [hex(codes.slice(at + 1, at + 4)), 4];
  return [undefined, 0];
}

function indexed(index: number): Colour | undefined {
  if (!(index >= 0 && index <= 255)) return undefined;
  if (index < 16) return index;
  if (index >= 232) return hex([8 + (index - 232) * 10, 8 + (index - 232) * 10, 8 + (index - 232) * 10]);
  const cube = index - 16;
  return hex([Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6].map((step) => (step ? 55 + step * 40 : 0)));
}

function hex(parts: number[]): string | undefined {
  if (parts.length !== 3 || !parts.every((part) => part >= 0 && part <= 255)) return undefined;
  return `#${parts.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}
