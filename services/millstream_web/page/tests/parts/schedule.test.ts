import { describe, expect, it } from "vitest";
import { scheduleInWords } from "../../src/parts/schedule";

describe("scheduleInWords", () => {
  it.each([
    ["none", "no schedule"],
    ["@daily", "daily at 00:00"],
    ["30 6 * * * (Europe/Berlin)", "daily at 06:30 (Europe/Berlin)"],
    ["30 6 * * * (UTC)", "daily at 06:30"],
    ["data intervals of 0 0 * * * (UTC)", "daily at 00:00"],
    ["data intervals of @hourly (UTC)", "hourly"],
    ["*/5 * * * *", "every 5 minutes"],
    ["* * * * *", "every minute"],
    ["7 * * * *", "hourly at :07"],
    ["5 */6 * * *", "every 6 hours at :05"],
    ["0 9 * * 1-5", "Mon to Fri at 09:00"],
    ["0 9 * * 0,7,sat", "Sun, Sat at 09:00"],
    ["0 0 15 * *", "monthly on day 15 at 00:00"],
    ["0 0 15 3 *", "0 0 15 3 *"],
    ["0 0 * * 1-3", "0 0 * * 1-3"],
    ["0 1,2 * * *", "0 1,2 * * *"],
    ["every 0:05:00", "every 0:05:00"],
    ["assets: orders and (a or b)", "assets: orders and (a or b)"],
  ])("says %s as %s", (text, words) => expect(scheduleInWords(text)).toBe(words));
});
