import { describe, expect, it } from "vitest";
import { parseRuns, stripCodes } from "./ansi";

const ESC = "\u001b";

describe("terminal codes", () => {
  it("become runs with a style", () => {
    expect(parseRuns(`a ${ESC}[1;31mred${ESC}[0m b`)).toEqual([
      { text: "a ", style: "" },
      { text: "red", style: "flw-ansi-1 flw-ansi-bold" },
      { text: " b", style: "" },
    ]);
  });

  it.each([
    ["bright", `${ESC}[92mx`, "flw-ansi-2"],
    ["one of 256", `${ESC}[38;5;12mx`, "flw-ansi-4"],
    ["a colour no theme has", `${ESC}[38;5;200mx`, ""],
    ["three numbers", `${ESC}[38;2;31;32;33mx`, ""],
    ["a background", `${ESC}[41mx`, ""],
    ["a background of 256", `${ESC}[48;5;3;32mx`, "flw-ansi-2"],
    ["ended by an empty code", `${ESC}[31m${ESC}[mx`, ""],
    ["weight taken back", `${ESC}[1;3;4m${ESC}[22;23mx`, "flw-ansi-underline"],
    ["colour taken back", `${ESC}[31;1m${ESC}[39mx`, "flw-ansi-bold"],
  ])("%s", (_, line, style) => expect(parseRuns(line)).toEqual([{ text: "x", style }]));

  it.each([
    ["the screen cleared", `a${ESC}[2J${ESC}[Hb`],
    ["the cursor hidden", `a${ESC}[?25lb`],
    ["the title set", `a${ESC}]0;owned\u0007b`],
    ["a link", `a${ESC}]8;;http://evil${ESC}\\b${ESC}]8;;${ESC}\\`],
    ["a device string", `a${ESC}P1;2|secret${ESC}\\b`],
    ["another escape", `a${ESC}(Bb`],
    ["a reset", `a${ESC}cb`],
  ])("are taken out: %s", (_, line) => {
    expect(stripCodes(line)).toBe("ab");
    expect(
      parseRuns(line)
        .map(({ text }) => text)
        .join(""),
    ).toBe("ab");
  });

  it("that are truncated are removed", () => {
    for (const end of ["", "[", "[3", "[31;", "]0;title", "P1", "("]) expect(stripCodes(`a${ESC}${end}`)).toBe("a");
  });

  it("and control or bidi characters are removed", () => {
    const line = `${Array.from({ length: 0x20 }, (_, i) => String.fromCharCode(i)).join("x")}\u009b31m\u202e\u2066\u007f`;
    for (const text of [
      stripCodes(line),
      parseRuns(line)
        .map((run) => run.text)
        .join(""),
    ]) {
      expect(text).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
    }
  });

  it("in a long line are parsed quickly", () => {
    const start = performance.now();
    for (const evil of [
      `${ESC}[`.repeat(2000),
      `${ESC}]`.repeat(2000),
      `${ESC}P`.repeat(2000),
      `${ESC}[${"1;".repeat(2000)}`,
    ]) {
      stripCodes(evil);
      parseRuns(evil);
    }
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

it("tabs become blanks", () => expect(stripCodes("a\tb")).toBe("a    b"));
