import { describe, expect, it } from "vitest";
import { formatValue } from "./numbers";

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
});
