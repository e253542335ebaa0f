import { describe, expect, it } from "vitest";
import { sanitize } from "./text";

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
