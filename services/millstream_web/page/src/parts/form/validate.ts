/** A value against a schema. The API judges; this says early what it would say. */
import { isObject, type Schema, typesOf } from "./schema";

/** What is wrong with the value, the first thing of each place in it; empty if nothing is. */
export function violations(value: unknown, schema: Schema, path = ""): string[] {
  const rule = own(value, schema);
  if (rule) return [path ? `${path} ${rule}` : rule];
  const found = inside(value, schema, path);
  if (found.length) return found;
  return combined(value, schema, path);
}

function own(value: unknown, schema: Schema): string | undefined {
  const types = typesOf(schema);
  if (types.length && !types.some((type) => isOf(value, type))) {
    return `must be ${types.map((type) => NAMES[type] ?? type).join(" or ")}`;
  }
  if (schema.enum && !schema.enum.some((each) => equal(each, value))) {
    return `must be one of ${schema.enum.map((each) => JSON.stringify(each)).join(", ")}`;
  }
  if (schema.const !== undefined && !equal(schema.const, value)) {
    return `must be ${JSON.stringify(schema.const)}`;
  }
  if (typeof value === "number") return ofNumber(value, schema);
  if (typeof value === "string") return ofText(value, schema);
  if (Array.isArray(value)) return ofList(value, schema);
  if (isObject(value)) return ofObject(value, schema);
  return undefined;
}

const NAMES: Record<string, string> = {
  integer: "a whole number",
  number: "a number",
  string: "text",
  boolean: "true or false",
  array: "a list",
  object: "an object",
  null: "nothing",
};

function isOf(value: unknown, type: string): boolean {
  if (type === "integer") return Number.isInteger(value);
  if (type === "array") return Array.isArray(value);
  if (type === "object") return isObject(value);
  if (type === "null") return value === null;
  return typeof value === type;
}

function ofNumber(value: number, schema: Schema): string | undefined {
  const { minimum, maximum, exclusiveMinimum: above, exclusiveMaximum: below, multipleOf } = schema;
  if (minimum !== undefined && (above === true ? value <= minimum : value < minimum)) {
    return `must be ${above === true ? "more than" : "at least"} ${minimum}`;
  }
  if (maximum !== undefined && (below === true ? value >= maximum : value > maximum)) {
    return `must be ${below === true ? "less than" : "at most"} ${maximum}`;
  }
  if (typeof above === "number" && value <= above) return `must be more than ${above}`;
  if (typeof below === "number" && value >= below) return `must be less than ${below}`;
  if (multipleOf && !isMultiple(value, multipleOf)) return `must be a multiple of ${multipleOf}`;
  return undefined;
}

/** 0.3 is a multiple of 0.1, though not for a processor. */
function isMultiple(value: number, of: number): boolean {
  const times = value / of;
  return Math.abs(times - Math.round(times)) < 1e-9 * Math.max(1, Math.abs(times));
}

function ofText(value: string, schema: Schema): string | undefined {
  const length = [...value].length;
  if (schema.minLength && length < schema.minLength) return `must have at least ${counted(schema.minLength, "character")}`;
  if (schema.maxLength !== undefined && length > schema.maxLength) {
    return `must have at most ${counted(schema.maxLength, "character")}`;
  }
  if (schema.pattern !== undefined && matchesPattern(value, schema.pattern) === false) {
    return `must match ${schema.pattern}`;
  }
  const format = FORMATS[schema.format ?? ""];
  if (format && !format.test(value)) return `must be ${format.words}`;
  return undefined;
}

/** Whether a pattern is found in a text; undefined where only Python understands the pattern. */
function matchesPattern(value: string, pattern: string): boolean | undefined {
  try {
    return new RegExp(pattern, "u").test(value);
  } catch {
    return undefined;
  }
}

const TIME = String.raw`\d{2}:\d{2}:\d{2}(\.\d+)?`;
const ZONE = String.raw`([Zz]|[+-]\d{2}:\d{2})`;

const FORMATS: Record<string, { words: string; test: (text: string) => boolean }> = {
  date: { words: "a date such as 2026-11-23", test: isDate },
  "date-time": {
    words: "a date and a time with an offset, such as 2026-11-23T07:15:00Z",
    test: (text) =>
      new RegExp(`^\\d{4}-\\d{2}-\\d{2}[Tt]${TIME}${ZONE}$`).test(text) && !Number.isNaN(Date.parse(text)),
  },
  time: {
    words: "a time such as 07:15:00",
    test: (text) =>
      new RegExp(`^${TIME}${ZONE}?$`).test(text) && !Number.isNaN(Date.parse(`2000-01-01T${text.slice(0, 8)}Z`)),
  },
  email: { words: "an email address", test: (text) => text.includes("@") },
  uuid: { words: "a UUID", test: (text) => /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text) },
};

function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const at = new Date(`${text}T00:00:00Z`);
  // The 31st of February is a day of March to a browser.
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}

function ofList(value: unknown[], { minItems, maxItems, uniqueItems }: Schema): string | undefined {
  if (minItems && value.length < minItems) return `must have at least ${counted(minItems, "item")}`;
  if (maxItems !== undefined && value.length > maxItems) return `must have at most ${counted(maxItems, "item")}`;
  const texts = value.map((each) => JSON.stringify(each));
  if (uniqueItems && new Set(texts).size < texts.length) return "must not have an item twice";
  return undefined;
}

function ofObject(value: Record<string, unknown>, schema: Schema): string | undefined {
  const missing = schema.required?.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) return `must have ${JSON.stringify(missing)}`;
  const names = Object.keys(value);
  if (schema.minProperties && names.length < schema.minProperties) {
    return `must have at least ${counted(schema.minProperties, "member")}`;
  }
  if (schema.maxProperties !== undefined && names.length > schema.maxProperties) {
    return `must have at most ${counted(schema.maxProperties, "member")}`;
  }
  if (schema.additionalProperties !== false) return undefined;
  const odd = names.find((name) => !Object.hasOwn(schema.properties ?? {}, name));
  return odd === undefined ? undefined : `must not have ${JSON.stringify(odd)}`;
}

function inside(value: unknown, schema: Schema, path: string): string[] {
  if (Array.isArray(value)) {
    const { items } = schema;
    return items ? value.flatMap((each, index) => violations(each, items, `${path}[${index}]`)) : [];
  }
  if (!isObject(value)) return [];
  const { properties = {}, additionalProperties: others } = schema;
  return Object.entries(value).flatMap(([name, each]) => {
    const rule = Object.hasOwn(properties, name) ? properties[name] : isObject(others) ? others : undefined;
    return rule ? violations(each, rule as Schema, path ? `${path}.${name}` : name) : [];
  });
}

function combined(value: unknown, { allOf, anyOf, oneOf, not }: Schema, path: string): string[] {
  const fits = (schema: Schema) => violations(value, schema).length === 0;
  const at = path ? `${path} ` : "";
  const broken = allOf?.map((schema) => violations(value, schema, path)).find((found) => found.length);
  if (broken) return broken;
  if (anyOf && !anyOf.some(fits)) {
    return [`${at}${[...new Set(anyOf.flatMap((schema) => violations(value, schema)))].join(", or ")}`];
  }
  if (oneOf && oneOf.filter(fits).length !== 1) return [`${at}must fit exactly one of ${oneOf.length} rules`];
  if (not && fits(not)) return [`${at}must be something else`];
  return [];
}

/** Whether two values of JSON are the same. */
export function equal(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((each, index) => equal(each, b[index]));
  }
  if (!isObject(a) || !isObject(b)) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && equal(a[name], b[name]))
  );
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? "" : "s"}`;
}
