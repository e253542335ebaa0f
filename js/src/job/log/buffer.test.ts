import { describe, expect, it } from "vitest";
import { type Batch, LogBuffer, lowerBound, readBatch } from "./buffer";

function batch(first: number, texts: string[], more: Partial<Batch> = {}): Batch {
  return {
    ...{ target: "server", epoch: 1, first, lines: texts, levels: "i".repeat(texts.length), more: false },
    ...{ firstKept: 1, skippedBytes: 0, state: "live", message: "" },
    ...more,
  };
}

const lines = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `line ${from + i}`);

describe("batches", () => {
  it("join even if they overlap", () => {
    const buffer = new LogBuffer();
    expect(buffer.append(batch(1, lines(1, 3)))).toBe(true);
    expect(buffer.append(batch(2, lines(2, 5)))).toBe(true);
    expect(buffer.append(batch(1, lines(1, 2)))).toBe(true);
    expect(buffer.next).toBe(6);
    expect(buffer.shown.map((number) => buffer.line(number))).toEqual(lines(1, 5));
  });

  it("that leave a gap are ignored", () => {
    const buffer = new LogBuffer();
    buffer.append(batch(1, lines(1, 3)));
    expect(buffer.append(batch(5, lines(5, 6)))).toBe(false);
    expect(buffer.next).toBe(4);
  });

  it("after dropped lines start anew", () => {
    const buffer = new LogBuffer();
    buffer.append(batch(1, lines(1, 3)));
    expect(buffer.append(batch(50, lines(50, 51), { firstKept: 50 }))).toBe(true);
    expect([buffer.first, buffer.next]).toEqual([50, 52]);
  });

  it("of a new epoch start anew from its beginning", () => {
    const buffer = new LogBuffer();
    buffer.append(batch(1, lines(1, 3)));
    expect(buffer.append(batch(3, ["x"], { epoch: 2 }))).toBe(false);
    expect(buffer.line(3)).toBe("line 3");
    expect(buffer.append(batch(1, ["x"], { epoch: 2 }))).toBe(true);
    expect([buffer.line(1), buffer.next, buffer.counts.info]).toEqual(["x", 2, 1]);
  });
});

describe("memory", () => {
  it("is bounded by dropping the oldest lines", () => {
    const buffer = new LogBuffer(100);
    for (let at = 1; at < 1000; at += 10) buffer.append(batch(at, lines(at, at + 9)));
    expect(buffer.length).toBeLessThanOrEqual(105);
    expect(buffer.next).toBe(1001);
    expect(buffer.line(buffer.first)).toBe(`line ${buffer.first}`);
    expect(buffer.shown[0]).toBe(buffer.first);
    expect(buffer.counts.info).toBe(buffer.length);
  });
});

describe("levels", () => {
  const buffer = new LogBuffer();
  buffer.append(batch(1, lines(1, 6), { levels: "ewid-?" }));

  it("are counted", () => expect(buffer.counts).toEqual({ error: 1, warning: 1, info: 3, debug: 1 }));

  it("can be hidden and shown, also for later lines", () => {
    buffer.setLevelVisible("info", false);
    expect(buffer.shown).toEqual([1, 2, 4]);
    buffer.append(batch(7, lines(7, 8), { levels: "ie" }));
    expect(buffer.shown).toEqual([1, 2, 4, 8]);
    buffer.setLevelVisible("info", true);
    expect(buffer.shown).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

describe("search", () => {
  it("ignores case and colours, also in later lines", () => {
    const buffer = new LogBuffer();
    buffer.append(batch(1, ["Loss is NaN", "\u001b[31mlo\u001b[0mss", "gain", "LOSS"], { levels: "iiie" }));
    buffer.search("lOss");
    expect(buffer.matches).toEqual([1, 2, 4]);
    buffer.setLevelVisible("error", false);
    expect(buffer.matches).toEqual([1, 2]);
    buffer.append(batch(5, ["a loss"]));
    expect(buffer.matches).toEqual([1, 2, 5]);
    buffer.search("");
    expect(buffer.matches).toEqual([]);
  });
});

it("lowerBound returns the position of a number", () => {
  expect([1, 2, 3, 4, 9].map((n) => lowerBound([2, 4, 6], n))).toEqual([0, 0, 1, 1, 3]);
});

describe("messages", () => {
  it.each([null, 3, {}, { kind: "clock" }, { kind: "log" }, { kind: "log", target: 3 }])("%j is none", (message) =>
    expect(readBatch(message)).toBeNull(),
  );

  it("are sanitized", () => {
    const read = readBatch({
      kind: "log",
      target: "x",
      first: -4,
      lines: ["a", 3, null],
      levels: 7,
      state: "?",
      message: "\u001b",
    });
    expect(read).toMatchObject({
      first: 1,
      lines: ["a", "", ""],
      levels: "",
      state: "waiting",
      message: "�",
      epoch: 0,
    });
  });
});
