/** Order and filter of the compared jobs. */
import { describe, expect, it } from "vitest";
import { nextRowOrder, readRowFilter, sortRows } from "./rows";
import { readColumns } from "./view-model";

const COLUMNS = readColumns([
  {
    heading: "job",
    name: "job",
    kind: "fact",
    cells: ["train a", "train b", "other"].map((text) => ({ text, value: text })),
  },
  {
    heading: "rate",
    name: "rate",
    kind: "argument",
    cells: [{ text: "0.1", value: 0.1 }, { text: "1", value: 1 }, { text: "–" }],
  },
  {
    heading: "model",
    name: "model",
    kind: "argument",
    cells: ["cnn", "mlp", "CNN"].map((text) => ({ text, value: text })),
  },
  {
    heading: "best loss",
    name: "loss",
    kind: "metric",
    direction: "min",
    cells: [3, 2, 2].map((value) => ({ text: `${value}`, value })),
  },
]);
const ROWS = [0, 1, 2];

describe("the filter", () => {
  it.each([
    ["", [0, 1, 2]],
    ["train", [0, 1]],
    ["-train", [2]],
    ['"train b"', [1]],
    ["rate>0.5", [1]],
    ["rate<=0.1", [0]],
    ["Rate=1", [1]],
    ["rate!=1", [0, 2]],
    ["model=cnn", [0, 2]],
    ["model!=cnn", [1]],
    ["-model=cnn loss<3", [1]],
    ["unknown>3", []],
  ])("%s", (query, rows) => {
    const filter = readRowFilter(query, COLUMNS);
    expect(filter.problems).toEqual([]);
    expect(ROWS.filter(filter.test)).toEqual(rows);
  });

  it("says which condition it cannot read, and ignores it", () => {
    const filter = readRowFilter("rate>big train", COLUMNS);
    expect(filter.problems).toEqual(["rate>big: expected a number after >"]);
    expect(ROWS.filter(filter.test)).toEqual([0, 1]);
  });
});

describe("the order", () => {
  const [, rate, , loss] = COLUMNS;
  it("puts unknown values last in both directions", () => {
    expect(sortRows(ROWS, { column: "rate", descending: false }, COLUMNS)).toEqual([0, 1, 2]);
    expect(sortRows(ROWS, { column: "rate", descending: true }, COLUMNS)).toEqual([1, 0, 2]);
  });

  it("keeps equal ones as they are", () => {
    expect(sortRows(ROWS, { column: "loss", descending: false }, COLUMNS)).toEqual([1, 2, 0]);
    expect(sortRows(ROWS, { column: "model", descending: false }, COLUMNS)).toEqual([0, 2, 1]);
  });

  it("begins with the best, and ends as it was", () => {
    const first = nextRowOrder(undefined, loss!);
    expect(first).toEqual({ column: "loss", descending: false });
    const second = nextRowOrder(first, loss!);
    expect(second).toEqual({ column: "loss", descending: true });
    expect(nextRowOrder(second, loss!)).toBeUndefined();
    expect(nextRowOrder(first, rate!)).toEqual({ column: "rate", descending: false });
  });
});
