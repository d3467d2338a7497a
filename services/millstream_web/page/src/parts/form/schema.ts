/** JSON Schema as a form sees it: which control a value gets. */

export interface Schema {
  type?: string | string[];
  enum?: unknown[];
  const?: unknown;
  title?: string;
  description?: string;
  description_md?: string;
  examples?: unknown[];
  values_display?: Record<string, string>;
  format?: string;
  section?: string;
  items?: Schema;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number | boolean;
  exclusiveMaximum?: number | boolean;
  multipleOf?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  minItems?: number;
  maxItems?: number;
  uniqueItems?: boolean;
  required?: string[];
  properties?: Record<string, Schema>;
  additionalProperties?: boolean | Schema;
  minProperties?: number;
  maxProperties?: number;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
  not?: Schema;
}

export type Kind =
  | "text"
  | "multiline"
  | "integer"
  | "number"
  | "boolean"
  | "choice"
  | "choices"
  | "lines"
  | "json"
  | "date"
  | "date-time"
  | "time";

export interface Field {
  name: string;
  schema: Schema;
  kind: Kind;
  title: string;
  description: string;
  section: string;
  isNullable: boolean;
  hasDefault: boolean;
  default?: unknown;
}

/** The fields for params with their defaults and, where they have one, their schemas. */
export function fieldsOf(
  params: Record<string, unknown> = {},
  schemas: Record<string, unknown> = {},
): Field[] {
  const names = [...new Set([...Object.keys(schemas), ...Object.keys(params)])];
  const fields = names.map((name) => fieldOf(name, asSchema(schemas[name]), params[name], name in params));
  // The API keeps no order of them. Those of a section stay together; those without one come first.
  fields.sort((a, b) => Number(a.hasDefault) - Number(b.hasDefault) || a.title.localeCompare(b.title));
  const sections = [...new Set(["", ...fields.map((field) => field.section)])];
  return sections.flatMap((section) => fields.filter((field) => field.section === section));
}

/** The fields of a question to people: each with `value`, `description` and `schema`. */
export function fieldsOfInput(params: Record<string, unknown> = {}): Field[] {
  const values: Record<string, unknown> = {};
  const schemas: Record<string, unknown> = {};
  for (const [name, param] of Object.entries(params)) {
    if (!isObject(param)) {
      values[name] = param;
      continue;
    }
    if ("value" in param) values[name] = param.value;
    const { description } = param;
    schemas[name] = { ...(description ? { description } : {}), ...asSchema(param.schema) };
  }
  return fieldsOf(values, schemas);
}

function fieldOf(name: string, schema: Schema, value: unknown, hasDefault: boolean): Field {
  return {
    name,
    schema,
    kind: kindOf(schema, value),
    title: text(schema.title) || name,
    description: text(schema.description) || text(schema.description_md),
    section: text(schema.section),
    isNullable: isNullable(schema),
    hasDefault,
    ...(hasDefault ? { default: value } : {}),
  };
}

/** The types that a schema allows; none means all. */
export function typesOf({ type }: Schema): string[] {
  return typeof type === "string" ? [type] : Array.isArray(type) ? type : [];
}

export function isNullable(schema: Schema): boolean {
  if (schema.enum) return schema.enum.includes(null);
  return typesOf(schema).includes("null") || (schema.anyOf ?? schema.oneOf ?? []).some(isNullable);
}

/** The control for a schema; where that says no type, for the value that is there. */
export function kindOf(schema: Schema, value: unknown): Kind {
  if (schema.enum || "const" in schema) return "choice";
  const types = typesOf(schema).filter((type) => type !== "null");
  if (types.length > 1 || schema.anyOf || schema.oneOf || schema.allOf) return "json";
  switch (types[0] ?? typeOf(value)) {
    case "string":
      return kindOfText(schema);
    case "integer":
      return "integer";
    case "number":
      return "number";
    case "boolean":
      return "boolean";
    case "array":
      return kindOfList(schema, value);
    case "object":
      return "json";
    default:
      return kindOfText(schema);
  }
}

function kindOfText({ format }: Schema): Kind {
  if (format === "date" || format === "date-time" || format === "time" || format === "multiline") return format;
  return "text";
}

function kindOfList({ items, examples }: Schema, value: unknown): Kind {
  if (items?.enum || (!items && examples?.length)) return "choices";
  const isOfText = !items || typesOf(items).join() === "string";
  const hasText = !Array.isArray(value) || value.every((each) => typeof each === "string");
  return isOfText && hasText ? "lines" : "json";
}

function typeOf(value: unknown): string {
  if (value === null || value === undefined) return "";
  if (Array.isArray(value)) return "array";
  // A default of 10 does not say that 10.5 is wrong.
  return typeof value;
}

/** What a choice may be. */
export function optionsOf({ enum: values, const: fixed, items, examples }: Schema): unknown[] {
  return values ?? items?.enum ?? (fixed === undefined ? (examples ?? []) : [fixed]);
}

/** How a choice is called. */
export function nameOf(option: unknown, { values_display: names }: Schema): string {
  const said = typeof option === "string" ? option : JSON.stringify(option);
  return names?.[String(option)] ?? said;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function asSchema(value: unknown): Schema {
  return isObject(value) ? (value as Schema) : {};
}

function text(value: unknown): string {
  return typeof value === "string" ? value : "";
}
