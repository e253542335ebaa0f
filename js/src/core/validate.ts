/** Plain data from a kernel, whose texts a server or a site wrote: read so that every field is what it should be. */
import { clean } from "./text";

export type Plain = Readonly<Record<string, unknown>>;

export function record(value: unknown): Plain {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Plain) : {};
}

export function list(value: unknown): Plain[] {
  return Array.isArray(value) ? value.map(record) : [];
}

export function texts(value: unknown, limit?: number): string[] {
  return Array.isArray(value) ? value.map((item) => text(item, limit)) : [];
}

/** A text, printable and bounded; empty when it is none. */
export function text(value: unknown, limit?: number): string {
  return typeof value === "string" ? clean(value, limit) : "";
}

export function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** A point of a line; null when either number is none. */
export function pair(value: unknown): readonly [number, number] | null {
  const [x, y] = Array.isArray(value) ? [number(value[0]), number(value[1])] : [null, null];
  return x === null || y === null ? null : [x, y];
}

/** The points of a line, without those that are none. */
export function pairs(value: unknown): (readonly [number, number])[] {
  return (Array.isArray(value) ? value : []).map(pair).filter((point) => point !== null);
}
