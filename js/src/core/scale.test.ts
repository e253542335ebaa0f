import { describe, expect, it } from "vitest";
import { fitScale, positionOn, positionTicks, readScale } from "./scale";

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

describe("fitScale", () => {
  it("has a little room and labels to tell the values apart", () => {
    expect(fitScale([0.6, 0.9], false)).toEqual({
      low: expect.closeTo(0.582, 5),
      high: expect.closeTo(0.918, 5),
      ticks: [0.6, 0.7, 0.8, 0.9],
      labels: ["0.6", "0.7", "0.8", "0.9"],
    });
    expect(fitScale([0.001, 100, -5], true)?.labels).toEqual(["0.001", "0.01", "0.1", "1", "10", "100"]);
    expect(fitScale([5], false)?.ticks).toContain(5);
  });

  it.each([[[]], [[Number.MAX_VALUE, -Number.MAX_VALUE]]])("has nothing for %j", (values) => {
    expect(fitScale(values, false)).toBeNull();
    expect(
      fitScale(
        values.filter((value) => value < 0),
        true,
      ),
    ).toBeNull();
  });
});
