import { expect, it } from "vitest";
import { parseRuns } from "./ansi";
import { createLogRow, highlightMatches } from "./row";

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

it("a row shows hostile text as text and redraws only on change", () => {
  const facts = {
    level: "error",
    text: "<img src=x onerror=alert(1)>",
    query: "img",
    isCurrent: false,
    isSelected: false,
  } as const;
  const row = createLogRow(() => facts);
  row.draw(7, { index: 6, isActive: false });
  expect(row.element.querySelector("img")).toBeNull();
  expect(row.element.querySelector("mark")?.textContent).toBe("img");
  expect(row.element.textContent).toBe("7✕error: <img src=x onerror=alert(1)>");
  const before = row.element.querySelector("mark");
  row.draw(7, { index: 6, isActive: true });
  expect(row.element.querySelector("mark")).toBe(before);
});
