import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { h, setText } from "./dom";
import { createVirtualList, type VirtualListOptions } from "./virtual-list";

const HEIGHT = 480;
const ROW = 24;

interface Row {
  readonly key: string;
}

const rowsOf = (count: number, first = 0): Row[] => Array.from({ length: count }, (_, i) => ({ key: `k${first + i}` }));

function open(options: Partial<VirtualListOptions<Row>> = {}) {
  const list = createVirtualList<Row>({
    rowHeight: ROW,
    keyOf: (row) => row.key,
    role: "grid",
    rowRole: "row",
    label: "jobs",
    makeRow: () => {
      const element = h("div", { class: "row" });
      return { element, draw: (row) => setText(element, row.key) };
    },
    ...options,
  });
  document.body.append(list.element);
  const shown = (): string[] => [...list.element.querySelectorAll(".row")].map((row) => row.textContent ?? "");
  const press = (key: string, more: KeyboardEventInit = {}): boolean =>
    list.element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more }));
  const scroll = (top: number): void => {
    list.element.scrollTop = top;
    list.element.dispatchEvent(new Event("scroll"));
  };
  const activeText = (): string =>
    document.getElementById(list.element.getAttribute("aria-activedescendant") ?? "")?.textContent ?? "";
  return { list, shown, press, scroll, activeText };
}

beforeEach(() => {
  // There is no layout here.
  for (const name of ["offsetHeight", "clientHeight"] as const) {
    vi.spyOn(HTMLElement.prototype, name, "get").mockReturnValue(HEIGHT);
  }
});
afterEach(() => document.body.replaceChildren());

describe("a list that measures its rows", () => {
  it("places each below the one before, and starts anew with other rows", () => {
    const { list, shown } = open();
    const heights = new Map([["k1", 3 * ROW]]);
    vi.spyOn(HTMLElement.prototype, "offsetHeight", "get").mockImplementation(function (this: HTMLElement) {
      return this.className === "row" ? (heights.get(this.textContent ?? "") ?? ROW) : HEIGHT;
    });
    const place = (text: string): string =>
      [...list.element.querySelectorAll<HTMLElement>(".row")].find((row) => row.textContent === text)!.style.transform;
    const height = (): string => list.element.querySelector<HTMLElement>(".flw-list-body")!.style.height;
    list.setRows(rowsOf(100));
    list.setMeasured(true);
    expect([place("k1"), place("k2"), height()]).toEqual([
      `translateY(${ROW}px)`,
      `translateY(${4 * ROW}px)`,
      `${102 * ROW}px`,
    ]);
    list.setRows(rowsOf(50, 10));
    expect([shown()[0], place("k12"), height()]).toEqual(["k10", `translateY(${2 * ROW}px)`, `${50 * ROW}px`]);
    list.setMeasured(false);
    list.setRows(rowsOf(100));
    expect([place("k2"), height()]).toEqual([`translateY(${2 * ROW}px)`, `${100 * ROW}px`]);
  });
});

describe("a virtual list", () => {
  it("renders only visible rows", () => {
    const { list, shown, scroll } = open();
    list.setRows(rowsOf(10_000));
    expect(shown()).toContain("k0");
    expect(shown().length).toBeLessThan(40);
    scroll(5000 * ROW);
    expect(shown()).toContain("k5000");
    expect(shown()).not.toContain("k0");
    expect(list.element.querySelectorAll("*").length).toBeLessThan(50);
    expect(list.element.querySelector<HTMLElement>(".flw-list-body")?.style.height).toBe(`${10_000 * ROW}px`);
  });

  it("has accessible row counts and indices", () => {
    const { list } = open();
    list.setRows(rowsOf(10_000));
    expect(list.element.getAttribute("aria-rowcount")).toBe("10000");
    expect(list.element.querySelector(".row")?.getAttribute("aria-rowindex")).toBe("1");
  });

  it("counts a header as the first row", () => {
    const { list } = open({ header: { element: h("div"), height: 28 } });
    list.setRows(rowsOf(3));
    expect(list.element.getAttribute("aria-rowcount")).toBe("4");
    expect(list.element.querySelector(".row")?.getAttribute("aria-rowindex")).toBe("2");
  });

  it.each([
    [["ArrowDown"], "k0"],
    [["ArrowDown", "ArrowDown"], "k1"],
    [["ArrowDown", "ArrowUp"], "k0"],
    [["End"], "k9999"],
    [["End", "ArrowDown"], "k9999"],
    [["Home", "PageDown"], "k19"],
    [["Home", "PageDown", "PageDown", "PageUp"], "k19"],
    [["End", "Home"], "k0"],
  ])("moves its cursor by %j to %s", (keys, key) => {
    const { list, press, activeText } = open();
    list.setRows(rowsOf(10_000));
    for (const pressed of keys) expect(press(pressed)).toBe(false);
    expect(activeText()).toBe(key);
  });

  it("keeps the cursor on its row", () => {
    const { list, activeText, press } = open();
    list.setRows(rowsOf(10));
    list.activate(4);
    list.setRows([{ key: "new" }, ...rowsOf(10)]);
    expect(activeText()).toBe("k4");
    expect(list.active).toBe(5);
    list.setRows(rowsOf(4));
    expect(activeText()).toBe("k3");
    list.setRows([]);
    expect(activeText()).toBe("");
    expect(press("ArrowDown")).toBe(false);
    expect(list.active).toBe(-1);
  });

  it("reuses invisible rows", () => {
    const makeRow = vi.fn(() => {
      const element = h("div", { class: "row" });
      return { element, draw: (row: Row) => setText(element, row.key) };
    });
    const { list, scroll } = open({ makeRow });
    list.setRows(rowsOf(10_000));
    for (let at = 0; at < 200; at++) scroll(at * HEIGHT);
    expect(makeRow.mock.calls.length).toBeLessThan(60);
  });

  it("reports moves and unhandled keys", () => {
    const onMove = vi.fn();
    const onKey = vi.fn((event: KeyboardEvent) => event.key === "Enter");
    const { list, press } = open({ onMove, onKey });
    list.setRows(rowsOf(10));
    press("ArrowDown");
    press("ArrowDown", { shiftKey: true });
    expect(onMove.mock.calls.map(([from, to, event]) => [from, to, event.shiftKey])).toEqual([
      [-1, 0, false],
      [0, 1, true],
    ]);
    expect(press("Enter")).toBe(false);
    expect(press("x")).toBe(true);
  });

  it("follows its end until the reader leaves it", () => {
    const onStick = vi.fn();
    const { list, scroll } = open({ followEnd: true, onFollowEndChange: onStick });
    const height = vi.spyOn(list.element, "scrollHeight", "get");
    const add = (count: number): void => {
      height.mockReturnValue(count * ROW);
      list.setRows(rowsOf(count));
    };
    add(100);
    expect(list.element.scrollTop).toBe(100 * ROW);
    scroll(10 * ROW);
    expect(onStick).toHaveBeenLastCalledWith(false);
    add(200);
    expect(list.element.scrollTop).toBe(10 * ROW);
    list.toEnd();
    add(300);
    expect(list.element.scrollTop).toBe(300 * ROW);
  });

  it("cleans up on dispose", () => {
    const dispose = vi.fn();
    const { list } = open({ makeRow: () => ({ element: h("div", { class: "row" }), draw() {}, dispose }) });
    list.setRows(rowsOf(3));
    list.dispose();
    expect(dispose).toHaveBeenCalledTimes(3);
    expect(document.querySelector(".flw-list")).toBeNull();
  });
});
