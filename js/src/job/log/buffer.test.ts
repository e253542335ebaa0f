import { describe, expect, it } from "vitest";
import { type Batch, formatLine, type Line, LogBuffer, lowerBound, readBatch } from "./buffer";

function further(text: string): Line {
  return { time: "", source: "", levelName: "", context: "", text };
}

function record(text: string, day = "2026-11-28"): Line {
  return { time: `${day} 02:45:02,961`, source: "FedAvg", levelName: "INFO", context: "identity=site-1", text };
}

function batch(first: number, texts: readonly (string | Line)[], more: Partial<Batch> = {}): Batch {
  const all = texts.map((text) => (typeof text === "string" ? further(text) : text));
  return {
    ...{ target: "server", epoch: 1, first, lines: all, levels: "i".repeat(texts.length), more: false },
    ...{ origins: "f".repeat(texts.length), marks: [] },
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
    expect(buffer.shown.map((number) => buffer.line(number).text)).toEqual(lines(1, 5));
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
    expect(buffer.line(3).text).toBe("line 3");
    expect(buffer.append(batch(1, ["x"], { epoch: 2 }))).toBe(true);
    expect([buffer.line(1).text, buffer.next, buffer.counts.info]).toEqual(["x", 2, 1]);
  });
});

describe("memory", () => {
  it("is bounded by dropping the oldest lines", () => {
    const buffer = new LogBuffer(100);
    for (let at = 1; at < 1000; at += 10) buffer.append(batch(at, lines(at, at + 9)));
    expect(buffer.length).toBeLessThanOrEqual(105);
    expect(buffer.next).toBe(1001);
    expect(buffer.line(buffer.first).text).toBe(`line ${buffer.first}`);
    expect(buffer.shown[0]).toBe(buffer.first);
    expect(buffer.counts.info).toBe(buffer.length);
  });
});

describe("levels", () => {
  const buffer = new LogBuffer();
  buffer.append(batch(1, lines(1, 6), { levels: "ewid-?" }));

  it("are counted", () => expect(buffer.counts).toEqual({ error: 1, warning: 1, info: 3, debug: 1, transport: 0 }));

  it("can be hidden and shown, also for later lines", () => {
    buffer.setKindVisible("info", false);
    expect(buffer.shown).toEqual([1, 2, 4]);
    buffer.append(batch(7, lines(7, 8), { levels: "ie" }));
    expect(buffer.shown).toEqual([1, 2, 4, 8]);
    buffer.setKindVisible("info", true);
    expect(buffer.shown).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });
});

describe("search", () => {
  it("ignores case and colours, also in later lines", () => {
    const buffer = new LogBuffer();
    buffer.append(batch(1, ["Loss is NaN", "\u001b[31mlo\u001b[0mss", "gain", "LOSS"], { levels: "iiie" }));
    buffer.search("lOss");
    expect(buffer.matches).toEqual([1, 2, 4]);
    buffer.setKindVisible("error", false);
    expect(buffer.matches).toEqual([1, 2]);
    buffer.append(batch(5, ["a loss"]));
    expect(buffer.matches).toEqual([1, 2, 5]);
    buffer.search("");
    expect(buffer.matches).toEqual([]);
  });
});

describe("origins", () => {
  const buffer = new LogBuffer();
  const texts = ["a", "b", "c", "d", "e", "f"];
  buffer.append(batch(1, texts, { origins: "fttotf", levels: "iwiiii" }));
  const rows = (): unknown[] => buffer.rows.map((row) => (typeof row === "number" ? row : [row.line, row.kind]));

  it("fold lines about connections, apart from the levels", () => {
    expect(rows()).toEqual([1, [2, "fold"], 4, [5, "fold"], 6]);
    expect(buffer.rows[1]).toEqual({ kind: "fold", line: 2, last: 3, count: 2 });
    expect(buffer.counts).toEqual({ error: 0, warning: 0, info: 3, debug: 0, transport: 3 });
    expect([0, 1, 2, 3, 4, 5, 6, 7].map((line) => buffer.rowIndex(line))).toEqual([0, 0, 1, 1, 2, 3, 4, 5]);
  });

  it("let later lines join the last fold", () => {
    const other = new LogBuffer();
    other.append(batch(1, ["a", "b"], { origins: "ft" }));
    const before = other.rows;
    other.append(batch(3, ["c", "d"], { origins: "tf" }));
    expect(other.rows).toBe(before);
    expect(other.rows).toEqual([1, { kind: "fold", line: 2, last: 3, count: 2 }, 4]);
  });

  it("let a fold be opened, alone or with all others", () => {
    buffer.unfold({ kind: "fold", line: 2, last: 3, count: 2 });
    expect(rows()).toEqual([1, 2, 3, 4, [5, "fold"], 6]);
    buffer.setKindVisible("transport", true);
    expect(rows()).toEqual([1, 2, 3, 4, 5, 6]);
    buffer.setKindVisible("transport", false);
    expect(rows()).toEqual([1, [2, "fold"], 4, [5, "fold"], 6]);
  });

  it("leave the user's own lines only", () => {
    buffer.setOwnOnly(true);
    expect(rows()).toEqual([4]);
    buffer.append(batch(7, ["g", "h"], { origins: "of" }));
    expect([rows(), buffer.ownCount]).toEqual([[4, 7], 2]);
    buffer.setOwnOnly(false);
  });

  it("are searched, also when folded", () => {
    buffer.search("b");
    expect(buffer.matches).toEqual([2]);
  });
});

describe("days", () => {
  it("are told once, above their lines", () => {
    const buffer = new LogBuffer();
    buffer.append(batch(1, ["cut off", record("a"), "more", record("b"), record("c", "2026-11-29")]));
    expect(buffer.rows).toEqual([
      1,
      { kind: "day", day: "2026-11-28", line: 2 },
      2,
      3,
      4,
      { kind: "day", day: "2026-11-29", line: 5 },
      5,
    ]);
    expect([1, 2, 3, 5].map((line) => buffer.rowIndex(line))).toEqual([0, 2, 3, 6]);
    buffer.append(batch(6, [record("d", "2026-11-29")]));
    expect(buffer.rows.at(-1)).toBe(6);
  });
});

describe("rounds", () => {
  it("are kept while their lines are", () => {
    const buffer = new LogBuffer(4);
    buffer.append(batch(1, lines(1, 3), { marks: [{ line: 2, label: "round 1" }] }));
    // The second time, a line that is known already has a mark that is known.
    const marks = [
      { line: 2, label: "round 1" },
      { line: 4, label: "round 2" },
    ];
    buffer.append(batch(2, lines(2, 4), { marks }));
    expect(buffer.marks).toEqual(marks);
    buffer.append(batch(5, lines(5, 7)));
    expect(buffer.marks).toEqual([{ line: 4, label: "round 2" }]);
  });
});

it("formatLine writes a line as FLARE does", () => {
  expect(formatLine(record("a"))).toBe("2026-11-28 02:45:02,961 - FedAvg - INFO - [identity=site-1] - a");
  expect(formatLine(further("  b"))).toBe("  b");
});

it("lowerBound returns the position of a number", () => {
  expect([1, 2, 3, 4, 9].map((n) => lowerBound([2, 4, 6], n))).toEqual([0, 0, 1, 1, 3]);
});

describe("messages", () => {
  it.each([null, 3, {}, { kind: "clock" }, { kind: "log" }, { kind: "log", target: 3 }])("%j is none", (message) =>
    expect(readBatch(message)).toBeNull(),
  );

  it("have lines in columns, and marks", () => {
    const read = readBatch({
      ...{ kind: "log", target: "x", origins: "of" },
      lines: [["2026-11-28 02:45:02,961", "print", "INFO", "identity=a", "words"], [3, {}], {}],
      marks: [[1, "round 1\u001b"], [1.5, "x"], ["1", "x"], [2], 7],
    });
    expect(read?.lines).toEqual([
      { ...record("words"), source: "print", context: "identity=a" },
      further(""),
      further(""),
    ]);
    expect([read?.origins, read?.marks]).toEqual(["of", [{ line: 1, label: "round 1�" }]]);
  });

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
      lines: [further("a"), further(""), further("")],
      levels: "",
      state: "waiting",
      message: "�",
      epoch: 0,
    });
  });
});
