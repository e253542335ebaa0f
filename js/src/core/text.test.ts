import { describe, expect, it } from "vitest";
import { formatAge, formatDuration, sanitize } from "./text";

describe("sanitize", () => {
  it("keeps printable text in any script", () => {
    expect(sanitize("Krankenhaus Süd – 病院 ✓ 🏥")).toBe("Krankenhaus Süd – 病院 ✓ 🏥");
  });

  it("replaces control and direction characters", () => {
    expect(sanitize("a\u001b[31mb\n\u0000c\u202ed\u2066e\u200bf\u00a0g")).toBe("a�[31mb��c�d�e�f�g");
  });

  it("bounds the length in characters, as Python does", () => {
    expect(sanitize("x".repeat(200))).toHaveLength(200);
    expect(sanitize("x".repeat(201))).toBe(`${"x".repeat(199)}…`);
    expect(Array.from(sanitize("🏥".repeat(5_000_000), 10))).toEqual([...Array<string>(9).fill("🏥"), "…"]);
  });
});

it.each([
  [0, "0:00"],
  [7.9, "0:07"],
  [134, "2:14"],
  [3723, "1:02:03"],
])("%d seconds are %s", (seconds, words) => expect(formatDuration(seconds)).toBe(words));

it.each([
  [0.4, "0 s"],
  [119.9, "119 s"],
  [121, "2 min"],
  [7_300, "2 h"],
  [172_799, "47 h"],
  [300_000, "3 days"],
])("%d seconds are %s", (seconds, words) => expect(formatAge(seconds)).toBe(words));
