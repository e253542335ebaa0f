import { describe, expect, it } from "vitest";
import { formatTick, formatTicks, formatValue } from "./numbers";

describe("numbers", () => {
  it.each([
    [0.607, "0.607"],
    [0, "0.000"],
    [-12.5, "-12.500"],
    [12345.6, "12346"],
    [1.23e-7, "1.2e-07"],
    [0.000123, "0.00012"],
    [-2.5e12, "-2.5e+12"],
    [1e300, "1e+300"],
  ])("are shown as Python shows them: %d", (value, words) => expect(formatValue(value)).toBe(words));

  it.each([
    [0.1 + 0.2, "0.3"],
    [20, "20"],
    [1e9, "1e+09"],
    [0.0001, "0.0001"],
    [0.00099999, "0.001"],
    [0.00009, "9e-05"],
    [Number.MAX_VALUE, "1.8e+308"],
    [0, "0"],
  ])("are short at an axis: %d", (value, words) => expect(formatTick(value)).toBe(words));

  it("get enough digits to be distinct on an axis", () => {
    expect(formatTicks([12345.2, 12345.4, 12345.6])).toEqual(["12345.2", "12345.4", "12345.6"]);
    expect(formatTicks([0.98766, 0.98768, 0.9877])).toEqual(["0.98766", "0.98768", "0.9877"]);
    expect(formatTicks([1.72e308, 1.74e308])).toEqual(["1.72e+308", "1.74e+308"]);
    expect(formatTicks([0, 0.5, 1])).toEqual(["0", "0.5", "1"]);
  });
});
