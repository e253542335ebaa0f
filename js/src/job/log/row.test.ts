import { expect, it } from "vitest";
import { parseRuns } from "./ansi";
import type { FoldRow } from "./buffer";
import { createLogRow, highlightMatches, type ShownLine } from "./row";

const found = (line: string, query: string): string =>
  highlightMatches(parseRuns(line), query)
    .map(({ text, isMatch }) => (isMatch ? `[${text}]` : text))
    .join("");

it.each([
  ["nothing", "abc", "", "abc"],
  ["the case is no matter", "Loss loss", "loss", "[Loss] [loss]"],
  ["side by side", "aaa", "a", "[a][a][a]"],
  ["at both ends", "ab-ab", "ab", "[ab]-[ab]"],
  ["over a change of colour", "lo\u001b[31mss!", "loss", "[lo][ss]!"],
  ["within a colour", "\u001b[31ma loss b", "loss", "a [loss] b"],
  ["not there", "abc", "x", "abc"],
  ["a letter that grows with its case", "İx", "x", "İx"],
])("what is looked for is marked: %s", (_, line, query, expected) => expect(found(line, query)).toBe(expected));

const failed: ShownLine = {
  ...{ time: "2026-11-28 02:45:02,961", source: "FedAvg", levelName: "ERROR", context: "identity=local, run=76b8" },
  ...{ level: "error" as const, text: "<img src=x onerror=alert(1)>", isOwn: false, query: "img" },
  ...{ isCurrent: false, isSelected: false },
};
const rowOf = (facts: ShownLine, onUnfold = (_: FoldRow) => {}) =>
  createLogRow({ factsOf: () => facts, owner: () => "site-1", onUnfold });
const texts = (element: HTMLElement): (string | null)[] =>
  [".flw-log-time", ".flw-log-level-name", ".flw-log-source", ".flw-log-text"].map(
    (part) => element.querySelector(part)!.textContent,
  );

it("a row shows hostile text as text and redraws only on change", () => {
  const row = rowOf(failed);
  row.draw(7, { index: 6, isActive: false });
  expect(row.element.querySelector("img")).toBeNull();
  expect(row.element.querySelector("mark")?.textContent).toBe("img");
  expect(texts(row.element)).toEqual(["02:45:02", "error", "FedAvg", "<img src=x onerror=alert(1)>"]);
  const before = row.element.querySelector("mark");
  row.draw(7, { index: 6, isActive: true });
  expect(row.element.querySelector("mark")).toBe(before);
});

it("a row tells date, line and FLARE's context on hover only", () => {
  const row = rowOf({ ...failed, context: "identity=local\u001b, run=76b8" });
  row.draw(7, { index: 6, isActive: false });
  expect(row.element.querySelector<HTMLElement>(".flw-log-columns")?.title).toBe(
    "2026-11-28 02:45:02,961, by the clock of site-1\nline 7\nERROR · FedAvg\nidentity=local�\nrun=76b8",
  );
  expect(row.element.textContent).not.toContain("identity");
});

it("a row that continues a record has text only", () => {
  const row = rowOf({ ...failed, time: "", source: "", levelName: "", context: "", text: "  File", query: "" });
  row.draw(8, { index: 7, isActive: false });
  expect(texts(row.element)).toEqual(["", "", "", "  File"]);
  expect(row.element.dataset["level"]).toBe("error");
});

it("a row becomes a day, or a fold that opens on a click", () => {
  const opened: FoldRow[] = [];
  const row = rowOf(failed, (unfolded) => opened.push(unfolded));
  row.draw({ kind: "day", day: "2026-11-28", line: 1 }, { index: 0, isActive: false });
  expect(row.element.textContent).toMatch(/2026.*, by the clock of site-1$/);
  row.element.click();
  expect(opened).toEqual([]);
  row.draw({ kind: "day", day: "<b>\u001b", line: 1 }, { index: 0, isActive: false });
  expect(row.element.textContent).toBe("<b>�, by the clock of site-1");
  const fold = { kind: "fold", line: 2, last: 4, count: 3 } as const;
  row.draw(fold, { index: 0, isActive: false });
  expect(row.element.textContent).toBe("▸ 3 lines about connections");
  row.element.click();
  expect(opened).toEqual([fold]);
  row.draw(7, { index: 0, isActive: false });
  row.element.click();
  expect(opened).toEqual([fold]);
});
