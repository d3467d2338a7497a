import type { LogLine } from "../../src/api/types";

export function line(number: number, text = `line ${number}`, more: Partial<LogLine> = {}): LogLine {
  return { number: String(number), text, source: "stdout", level: "", logger: "", ...more };
}
