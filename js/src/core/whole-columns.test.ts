/** Columns that fit into some room, and a box that is as wide as they are. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { chooseColumns, keepColumnsWhole } from "./whole-columns";

beforeEach(() => {
  vi.stubGlobal(
    "ResizeObserver",
    class {
      observe() {}
      disconnect() {}
    },
  );
});
afterEach(() => {
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

it.each([
  ["all of them", [30, 30, 15], 90, {}, 75, 0],
  ["whole ones only", [30, 30, 15], 70, {}, 60, 1],
  ["with a fraction of a pixel less room", [30, 30], 59.7, {}, 60, 0],
  ["from a place on, with earlier ones in what is left", [30, 20, 15, 15], 55, { start: 2 }, 50, 1],
  ["the newest", [30, 30, 30, 15], 70, { fromEnd: true }, 45, 2],
  ["one that is wider than the room", [30, 15], 4, {}, 30, 1],
] as const)("are chosen: %s", (_, widths, room, place, width, hiddenCount) => {
  expect(chooseColumns(widths, room, place)).toEqual({ width, hiddenCount });
});

it("chooses nothing of nothing", () => {
  expect(chooseColumns([], 100)).toEqual({ width: 0, hiddenCount: 0 });
});

/** A table of a column that stays in sight, 50 wide, and others, 20 wide each, in a frame. */
function lay(frameWidth: number, count: number, isAtEnd: boolean) {
  const table = document.createElement("table");
  const cells = Array.from({ length: count }, () => document.createElement("td"));
  const [frame, scroller] = [document.createElement("div"), document.createElement("div")];
  const widen = (element: HTMLElement, width: number): void => {
    element.getBoundingClientRect = () => ({ width }) as DOMRect;
  };
  for (const cell of cells) widen(cell, 20);
  widen(table, 50 + 20 * count);
  Object.defineProperty(frame, "clientWidth", { value: frameWidth });
  const hidden: number[] = [];
  const columns = keepColumnsWhole({
    ...{ frame, scroller, table, cells: () => cells, isAtEnd: () => isAtEnd },
    onLayout: (count_) => hidden.push(count_),
  });
  columns.update();
  return { scroller, hidden, columns };
}

it("makes the box as narrow as the columns that fit", () => {
  const { scroller, hidden } = lay(125, 6, true);
  expect(scroller.style.maxWidth).toBe("110px");
  expect(hidden).toEqual([3]);
});

it("leaves the box as it is while all columns fit", () => {
  const { scroller, hidden } = lay(170, 6, false);
  expect(scroller.style.maxWidth).toBe("");
  expect(hidden).toEqual([0]);
});

it("lays out for the place that is scrolled to", () => {
  const { scroller, hidden, columns } = lay(125, 6, false);
  Object.defineProperty(scroller, "scrollWidth", { value: 170 });
  scroller.scrollLeft = 57;
  scroller.dispatchEvent(new Event("scrollend"));
  expect(scroller.scrollLeft).toBe(60);
  expect(hidden).toEqual([3, 3]);
  columns.dispose();
  scroller.dispatchEvent(new Event("scrollend"));
  expect(hidden).toHaveLength(2);
});
