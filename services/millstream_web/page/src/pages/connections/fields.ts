/** What the form for a connection says. */
import type { Connection, ConnectionFields } from "../../api/types";
import { isObject } from "../../parts/form/schema";
import { ofJson } from "../../parts/form/texts";

export interface ConnectionForm {
  connId: string;
  connType: string;
  host: string;
  login: string;
  password: string;
  schema: string;
  port: string;
  extra: string;
  description: string;
}

/** The form for what is known of a connection: its secrets are not. */
export function formOf(connection: Connection | undefined): ConnectionForm {
  const fields = connection?.fields;
  return {
    connId: connection?.connId ?? "",
    connType: fields?.connType ?? "",
    host: fields?.host ?? "",
    login: fields?.login ?? "",
    password: "",
    schema: fields?.schema ?? "",
    port: fields?.port === undefined ? "" : String(fields.port),
    extra: fields?.extra ?? "",
    description: connection?.description ?? "",
  };
}

/** What is wrong, by the names of the form's fields. */
export function problems(form: ConnectionForm): Partial<Record<keyof ConnectionForm, string>> {
  const found: Partial<Record<keyof ConnectionForm, string>> = {};
  if (form.port.trim() && !(/^\d{1,5}$/.test(form.port.trim()) && Number(form.port) <= 65535)) {
    found.port = "must be a whole number up to 65535";
  }
  const extra = extraProblem(form.extra);
  if (extra) found.extra = extra;
  return found;
}

function extraProblem(text: string): string | undefined {
  if (!text.trim()) return undefined;
  const reading = ofJson(text);
  if ("problem" in reading) return reading.problem;
  if (!isObject(reading.value)) return "must be a JSON object";
  // What is masked would take the place of the secret.
  return hasMask(reading.value) ? "has *** in place of secrets; type them again, or take them out" : undefined;
}

function hasMask(value: unknown): boolean {
  if (value === "***") return true;
  return typeof value === "object" && value !== null && Object.values(value).some(hasMask);
}

/** The fields of the request; what is empty is left out. */
export function fieldsOf(form: ConnectionForm): ConnectionFields {
  const fields: ConnectionFields = { connType: form.connType.trim() };
  for (const name of ["host", "login", "password", "schema", "extra"] as const) {
    if (form[name].trim()) fields[name] = form[name];
  }
  if (form.port.trim()) fields.port = Number(form.port);
  return fields;
}
