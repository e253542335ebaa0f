/** Reading what the kernel sent: whatever it is, behind these a text is printable and bounded, a number a number. */
import { clean } from "./text";

export function record(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}

export function list(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.map(record) : [];
}

export function text(value: unknown, limit?: number): string {
  return typeof value === "string" ? clean(value, limit) : "";
}

export function number(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
