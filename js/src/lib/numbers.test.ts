import { describe, expect, it } from "vitest";
import { shown, tick } from "./numbers";

describe("numbers", () => {
  it.each([
    [0.607, "0.607"],
    [0, "0.000"],
    [-12.5, "-12.500"],
    [12345.6, "12346"],
    [1.23e-7, "1.2e-07"],
    [-2.5e12, "-2.5e+12"],
    [1e300, "1e+300"],
  ])("are shown as Python shows them: %d", (value, words) => expect(shown(value)).toBe(words));

  it.each([
    [0.1 + 0.2, "0.3"],
    [20, "20"],
    [1e9, "1e+09"],
    [0.0001, "1e-04"],
    [0, "0"],
  ])("are short at an axis: %d", (value, words) => expect(tick(value)).toBe(words));
});
