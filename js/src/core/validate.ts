/** Validators of data from the kernel, which contains texts that a server or a site wrote. */
import { sanitize } from "./text";

export type PlainObject = Readonly<Record<string, unknown>>;

export function asRecord(value: unknown): PlainObject {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as PlainObject) : {};
}

export function asRecords(value: unknown): PlainObject[] {
  return Array.isArray(value) ? value.map(asRecord) : [];
}

export function asTexts(value: unknown, limit?: number): string[] {
  return Array.isArray(value) ? value.map((item) => asText(item, limit)) : [];
}

/** Return a text, printable and bounded; empty if the value is not a string. */
export function asText(value: unknown, limit?: number): string {
  return typeof value === "string" ? sanitize(value, limit) : "";
}

export function asBoolean(value: unknown): boolean {
  return value === true;
}

export function asNumber(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** Return a point of a line; null if either coordinate is not a number. */
export function asPoint(value: unknown): readonly [number, number] | null {
  if (!Array.isArray(value)) return null;
  const x = asNumber(value[0]);
  const y = asNumber(value[1]);
  return x === null || y === null ? null : [x, y];
}

/** Return the points of a line, without invalid ones. */
export function asPoints(value: unknown): (readonly [number, number])[] {
  return (Array.isArray(value) ? value : []).map(asPoint).filter((point) => point !== null);
}

/** Return a reader that reads each object once: what has not changed in a message is the same object as before. */
export function readOnce<T>(read: (raw: unknown) => T): (raw: unknown) => T {
  const known = new WeakMap<object, { readonly value: T }>();
  return (raw) => {
    if (typeof raw !== "object" || raw === null) return read(raw);
    const found = known.get(raw) ?? { value: read(raw) };
    known.set(raw, found);
    return found.value;
  };
}
