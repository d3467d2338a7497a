import { useState } from "react";

export interface Conf {
  text: string;
  set: (text: string) => void;
  /** Undefined where the text is none. */
  value: Record<string, unknown> | undefined;
  /** What is wrong with the text; empty: nothing. */
  wrong: string;
  isChanged: boolean;
}

/** The conf of a run, as text that can be changed. */
export function useConf(before: Record<string, unknown> | undefined): Conf {
  const first = JSON.stringify(before ?? {}, null, 2);
  const [text, set] = useState(first);
  return { text, set, ...confOf(text), isChanged: text !== first };
}

export function confOf(text: string): Pick<Conf, "value" | "wrong"> {
  try {
    const value: unknown = JSON.parse(text.trim() || "{}");
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      return { value: value as Record<string, unknown>, wrong: "" };
    }
    return { value: undefined, wrong: "The conf is an object, such as {\"rate\": 0.1}." };
  } catch (error) {
    return { value: undefined, wrong: `This is no JSON: ${error instanceof Error ? error.message : error}` };
  }
}
