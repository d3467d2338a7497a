/** Python as lines of coloured pieces. lowlight gives a tree; a page wants lines. */
import python from "highlight.js/lib/languages/python";
import { createLowlight } from "lowlight";

export interface Piece {
  text: string;
  /** Such as `hljs-keyword`; empty: plain. */
  look: string;
}

const lowlight = createLowlight({ python });

interface Found {
  type: string;
  value?: string;
  properties?: { className?: unknown };
  children?: readonly Found[];
}

export function pythonLines(source: string): Piece[][] {
  const lines: Piece[][] = [[]];
  const walk = (nodes: readonly Found[], look: string): void => {
    for (const node of nodes) {
      if (node.type === "text") push(lines, node.value ?? "", look);
      else walk(node.children ?? [], lookOf(node) || look);
    }
  };
  walk(lowlight.highlight("python", source).children as readonly Found[], "");
  return lines;
}

function lookOf({ properties }: Found): string {
  const found = properties?.className;
  return Array.isArray(found) ? String(found[0] ?? "") : "";
}

/** A piece over several lines, such as a docstring, is a piece in each of them. */
function push(lines: Piece[][], text: string, look: string): void {
  for (const [index, part] of text.split("\n").entries()) {
    if (index > 0) lines.push([]);
    if (part) lines.at(-1)?.push({ text: part, look });
  }
}
