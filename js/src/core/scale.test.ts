import { expect, it } from "vitest";
import { positionOn, positionTicks, readScale } from "./scale";

const scale = (low: number, high: number) => ({ low, high, ticks: [low, high], labels: ["low", "high"] });

it("is linear or logarithmic", () => {
  const places = (isLog: boolean) => [1, 10, 100].map((value) => positionOn(scale(1, 100), isLog, value));
  expect(places(false)).toEqual([0, 9 / 99, 1]);
  expect(places(true)).toEqual([0, 0.5, 1]);
});

it("has no place for what it cannot show", () => {
  expect(positionOn(scale(1, 2), true, 0)).toBeNull();
  expect(positionOn(scale(-1, 2), false, 0)).toBeCloseTo(1 / 3);
  for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) expect(positionOn(scale(1, 2), false, value)).toBeNull();
});

it("does not overflow, nor divide by zero", () => {
  expect(positionOn(scale(-1e308, 1e308), false, 1e308)).toBe(1);
  expect(positionOn(scale(5, 5), false, 5)).toBe(0.5);
});

it.each([null, 5, "x", [], { low: 1 }, { low: "1", high: {} }])("reads %j as none", (nonsense) => {
  expect(readScale(nonsense)).toBeNull();
});

it("has a label per tick", () => {
  expect(readScale({ low: 0, high: 1, ticks: [0, "x", 1], labels: ["0", 5] })?.labels).toEqual(["0", "", ""]);
});

it.each([
  [1, 1, 9, [1]],
  [1, 4, 9, [1, 2, 3, 4]],
  [1, 12, 9, [1, 2, 4, 6, 8, 10, 12]],
  [1, 138, 15, [1, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120, 130]],
  [0, 100, 3, [0, 50, 100]],
])("labels positions from %d to %d, at most %d or so", (first, last, count, ticks) => {
  expect(positionTicks(first, last, count)).toEqual(ticks);
});
