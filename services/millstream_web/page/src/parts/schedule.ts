/** Schedules as people say them. */

const PRESETS: Record<string, string> = {
  "@hourly": "hourly",
  "@daily": "daily at 00:00",
  "@midnight": "daily at 00:00",
  "@weekly": "Sun at 00:00",
  "@monthly": "monthly on day 1 at 00:00",
  "@quarterly": "each quarter",
  "@yearly": "yearly on 1 January",
  "@annually": "yearly on 1 January",
  "@once": "once",
  "@continuous": "one run after the other",
};
const DAYS = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const NAMES = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
const CRON = /^(data intervals of )?(.*?)(?: \(([^()]+)\))?$/;

/** The words of the API with what is plain cron said in words: `daily at 06:30 (Europe/Berlin)`. */
export function scheduleInWords(text: string): string {
  if (!text || text === "none") return "no schedule";
  const preset = PRESETS[text];
  if (preset) return preset;
  const [, , cron = "", zone = "UTC"] = CRON.exec(text) ?? [];
  const said = cronInWords(cron);
  if (!said) return text;
  return zone === "UTC" ? said : `${said} (${zone})`;
}

/** The common forms of a cron expression; undefined for the others. */
export function cronInWords(cron: string): string | undefined {
  if (PRESETS[cron]) return PRESETS[cron];
  const fields = cron.trim().split(/\s+/);
  const [minute, hour, day, month, weekday] = fields;
  if (fields.length !== 5 || !minute || !hour || !day || !weekday || month !== "*") return undefined;
  if (hour === "*" && day === "*" && weekday === "*") return eachMinutes(minute);
  const time = timeOf(minute, hour);
  if (!time) {
    const step = /^\*\/(\d+)$/.exec(hour)?.[1];
    const isPlain = step && isNumber(minute) && day === "*" && weekday === "*";
    return isPlain ? `every ${step} hours at :${minute.padStart(2, "0")}` : undefined;
  }
  if (day === "*" && weekday === "*") return `daily at ${time}`;
  if (day === "*") {
    const days = daysOf(weekday);
    return days && `${days} at ${time}`;
  }
  return weekday === "*" && isNumber(day) ? `monthly on day ${day} at ${time}` : undefined;
}

function eachMinutes(minute: string): string | undefined {
  if (minute === "*") return "every minute";
  const step = /^\*\/(\d+)$/.exec(minute)?.[1];
  if (step) return step === "1" ? "every minute" : `every ${step} minutes`;
  if (!isNumber(minute)) return undefined;
  return minute === "0" ? "hourly" : `hourly at :${minute.padStart(2, "0")}`;
}

function timeOf(minute: string, hour: string): string | undefined {
  if (!isNumber(minute) || !isNumber(hour)) return undefined;
  return `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`;
}

function daysOf(weekday: string): string | undefined {
  if (["1-5", "mon-fri"].includes(weekday.toLowerCase())) return "Mon to Fri";
  const named = weekday.split(",").map((each) => {
    const index = isNumber(each) ? Number(each) % 7 : NAMES.indexOf(each.toLowerCase());
    return DAYS[index];
  });
  return named.every(Boolean) ? [...new Set(named)].join(", ") : undefined;
}

function isNumber(text: string): boolean {
  return /^\d{1,2}$/.test(text);
}
