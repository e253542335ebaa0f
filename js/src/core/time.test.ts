import { expect, it } from "vitest";
import durations from "../../fixtures/durations.json";
import { formatDuration, formatExactTime, formatTime, toIsoTime } from "./time";

/** A moment in the reader's own zone, whatever zone the tests run in. */
const at = (year: number, month: number, day: number, hour: number): number =>
  new Date(year, month - 1, day, hour, 3, 35).getTime() / 1000;

it("omits the day today", () => {
  expect(formatTime(at(2026, 11, 23, 14), at(2026, 11, 23, 20))).toMatch(/^14.03.35$/);
});

it("shows another day, and another year", () => {
  const other = formatTime(at(2026, 11, 22, 14), at(2026, 11, 23, 9));
  expect(other).toMatch(/22/);
  expect(other).not.toMatch(/2026/);
  expect(formatTime(at(2025, 11, 22, 14), at(2026, 11, 23, 9))).toMatch(/2025/);
});

it("shows date and zone in tooltips", () => {
  expect(formatExactTime(at(2026, 11, 23, 14))).toMatch(/2026.*14.03.35.*(UTC|GMT|[A-Z]{2,5})/);
});

it("survives an invalid time", () => {
  expect([formatTime(1e300, 0), formatExactTime(1e300), toIsoTime(1e300)]).toEqual(["", "", ""]);
});

it.each(Object.entries(durations))("formats %s seconds as %s, as Python does", (seconds, text) =>
  expect(formatDuration(Number(seconds))).toBe(text),
);
