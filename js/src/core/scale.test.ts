import { describe, expect, it } from "vitest";
import cases from "../../fixtures/ticks.json";
import { createScale, logTicks, ticks } from "./scale";

describe("the scale of a chart", () => {
  it.each(cases)("has the same ticks as the static chart: $low to $high", ({ low, high, ticks: linear, log }) => {
    expect(ticks(low, high)).toEqual(linear);
    if (log) expect(logTicks(low, high)).toEqual(log);
  });

  it("is linear or logarithmic", () => {
    const places = (log: boolean) =>
      [1, 10, 100].map((value) => createScale([1, 10, 100], log).position(value) ?? Number.NaN);
    const [a = 0, b = 0, c = 0] = places(false);
    expect((c - b) / (b - a)).toBeCloseTo(10);
    const [d = 0, e = 0, f = 0] = places(true);
    expect(f - e).toBeCloseTo(e - d);
  });

  it.each(
    [
      [0],
      [0, 0],
      [5],
      [-1e308, 1e308],
      [1.7e308, Number.MAX_VALUE],
      [1e-300, 3e-300],
      [5e-324, 5e-324],
      [5e-324, Number.MAX_VALUE],
      [1, 1 + Number.EPSILON],
      [1e16, 1e16 + 2],
      [-3, 0],
      [-3, -2],
      [Number.NaN, 1, Number.POSITIVE_INFINITY],
      [Number.NaN],
      [],
    ].flatMap((values) => [
      { values, log: false },
      { values, log: true },
    ]),
  )("has room for $values, logarithmic: $log", ({ values, log }) => {
    const scale = createScale(values, log);
    const drawn = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
    for (const value of values) {
      const place = scale.position(value);
      expect(place === null).toBe(!drawn.includes(value));
      if (place !== null) expect(place >= 0 && place <= 1).toBe(true);
    }
    expect(scale.ticks.length === 0 || drawn.length > 0).toBe(true);
    expect(new Set(scale.ticks).size).toBe(scale.ticks.length);
    expect(scale.ticks.every(Number.isFinite)).toBe(true);
  });

  it("separates small and close values", () => {
    for (const [low, high] of [
      [1e-300, 3e-300],
      [1, 1 + 1e-12],
      [-1e308, 1e308],
    ] as const) {
      const scale = createScale([low, high], false);
      expect((scale.position(high) ?? 0) - (scale.position(low) ?? 0)).toBeGreaterThan(0.8);
    }
  });

  it("accepts very many values", () => {
    expect(
      createScale(
        Array.from({ length: 300_000 }, (_, n) => n),
        false,
      ).position(0),
    ).toBeGreaterThan(0);
  });
});
