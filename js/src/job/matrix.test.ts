/** The matrix of many sites and many rounds: what is folded, found and drawn again. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createMatrix } from "./parts/matrix";
import { type Matrix, readViewModel } from "./view-model";

interface Options {
  readonly sites: number;
  readonly rounds: number;
  readonly openCount?: number;
  readonly cells?: (site: number) => string;
}

function make({ sites, rounds, openCount = sites, cells = () => "s".repeat(rounds) }: Options): Matrix {
  const { matrix } = readViewModel({
    matrix: {
      columns: Array.from({ length: rounds }, (_, n) => ({ label: `${n + 1}`, prefix: "round ", title: `${n + 1}` })),
      rows: Array.from({ length: sites }, (_, n) => [
        ...[`site-${n}`, cells(n), n % 2 ? [{ text: ["training"] }] : null, `s-${n}`],
      ]),
      waiting: [{ text: ["done"] }],
      summary: [{ text: ["all well"] }],
      open_count: openCount,
      strip: "s".repeat(rounds),
      legend: { s: ["■", "submitted"], w: ["◐", "working"] },
    },
  });
  return matrix!;
}

function open(memory = new Map<string, boolean>()) {
  const part = createMatrix(memory);
  document.body.append(part.element);
  const all = (selector: string): HTMLElement[] => [...part.element.querySelectorAll<HTMLElement>(selector)];
  const names = (): string[] => all("tbody th").map((e) => e.textContent ?? "");
  const button = (words: string): HTMLElement => all("button").find((e) => e.textContent?.includes(words))!;
  return { part, all, names, button };
}

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

describe("many sites", () => {
  it("are folded but for those in trouble, and stay as the reader left them", () => {
    const memory = new Map<string, boolean>();
    const { part, names, button, all } = open(memory);
    part.draw(make({ sites: 30, rounds: 3, openCount: 2 }), 0);
    expect(all(".flw-matrix-summary")[0]?.textContent).toBe("all well");
    expect(names()).toEqual(["s-0", "s-1"]);
    expect(all("tbody th")[1]?.title).toBe("site-1");
    expect(button("all 30 sites").getAttribute("aria-expanded")).toBe("false");
    button("all 30 sites").click();
    expect(names()).toHaveLength(30);
    const later = open(memory);
    later.part.draw(make({ sites: 30, rounds: 3, openCount: 2 }), 0);
    expect(later.names()).toHaveLength(30);
  });

  it("are found by name and by what they do", () => {
    const { part, names, button, all } = open(new Map([["all sites", true]]));
    part.draw(make({ sites: 1000, rounds: 3, openCount: 0 }), 0);
    expect(names()).toHaveLength(100);
    button("show 100 more of 900").click();
    expect(names()).toHaveLength(200);
    const filter = all("input")[0] as HTMLInputElement;
    filter.value = "SITE-99";
    filter.dispatchEvent(new Event("input"));
    expect(names()).toEqual(["s-99", ...Array.from({ length: 10 }, (_, n) => `s-${990 + n}`)]);
    filter.value = "training";
    filter.dispatchEvent(new Event("input"));
    expect(names()[0]).toBe("s-1");
    expect(button("more of").textContent).toBe("show 100 more of 400");
  });
});

describe("many rounds", () => {
  it("have every fifth number above them", () => {
    const { part, all } = open();
    part.draw(make({ sites: 2, rounds: 98 }), 0);
    const shown = all(".flw-column-number").map((e) => e.textContent);
    expect(shown.slice(0, 3)).toEqual(["1", "5", "10"]);
    expect(shown.slice(-2)).toEqual(["95", "98"]);
    expect(all("thead th.flw-column")).toHaveLength(98);
    expect(all("thead th.flw-column")[1]?.textContent).toBe("round 2");
  });

  describe("that are very many", () => {
    beforeEach(() => void vi.useFakeTimers());
    afterEach(() => void vi.useRealTimers());

    it("have the last ones in the first frame, and then all", () => {
      const { part, all } = open();
      const cells = (n: number): string => "s".repeat(900 + n) + "w".repeat(100 - n);
      part.draw(make({ sites: 3, rounds: 1000, cells }), 0);
      expect(all("tbody td.flw-cell")).toHaveLength(3 * 100);
      expect(all("thead .flw-column")[0]?.title).toBe("901");
      expect(all("table")[0]?.getAttribute("aria-busy")).toBe("true");
      // What happens meanwhile is drawn too.
      part.draw(make({ sites: 3, rounds: 1001, cells: (n) => `${cells(n)}w` }), 0);
      expect(all("thead .flw-column").map(({ title }) => title)).toEqual(
        Array.from({ length: 100 }, (_, n) => `${902 + n}`),
      );
      vi.advanceTimersByTime(500);
      expect(all("thead .flw-column").map(({ title }) => title)).toEqual(
        Array.from({ length: 1001 }, (_, n) => `${1 + n}`),
      );
      const rows = all("tbody tr").map((row) => [...row.querySelectorAll<HTMLElement>("td.flw-cell")]);
      const codes = rows.map((row) => row.map(({ title }) => title.charAt(0)).join(""));
      expect(codes).toEqual([0, 1, 2].map((n) => `${cells(n)}w`));
      expect(all("table")[0]?.getAttribute("aria-busy")).toBe("false");
      part.dispose();
      expect(vi.getTimerCount()).toBe(0);
    });

    it("belong to the workflows that they are of", () => {
      const { part, all } = open();
      const workflows = [100, 150, 50].map((span, n) => ({ label: `w${n}`, title: `w${n}`, span }));
      part.draw({ ...make({ sites: 1, rounds: 300 }), workflows }, 0);
      const headings = (): string[] =>
        all("[scope=colgroup]").map((e) => `${e.textContent} ${e.getAttribute("colspan")}`);
      const edges = (): string[] => all("thead .flw-column.flw-edge").map((e) => e.title);
      expect(headings()).toEqual(["w1 51", "w2 51"]);
      expect(edges()).toEqual(["251"]);
      vi.advanceTimersByTime(500);
      expect(headings()).toEqual(["w0 101", "w1 151", "w2 51"]);
      expect(edges()).toEqual(["101", "251"]);
      expect(all("tbody td.flw-gap")).toHaveLength(2);
    });

    it("stay where the reader has scrolled to", () => {
      const { part, all } = open();
      const scroller = all(".flw-matrix-scroll")[0]!;
      Object.defineProperty(scroller, "scrollWidth", { get: () => 10 * all("thead .flw-column").length });
      part.draw(make({ sites: 1, rounds: 1000 }), 0);
      scroller.scrollLeft = 300;
      scroller.dispatchEvent(new Event("scroll"));
      vi.advanceTimersByTime(500);
      expect(scroller.scrollLeft).toBe(9300);
    });
  });

  it("are not drawn while all sites are folded", () => {
    const { part, all, button } = open();
    part.draw(make({ sites: 30, rounds: 500, openCount: 0 }), 0);
    expect(all("th, td")).toHaveLength(0);
    button("all 30 sites").click();
    expect(all("thead .flw-column")).toHaveLength(100);
    expect(all("tbody td.flw-cell")).toHaveLength(30 * 100);
    part.dispose();
  });

  it("add their cells to a row at once", () => {
    const added = vi.spyOn(HTMLTableCellElement.prototype, "before");
    const { part } = open();
    part.draw(make({ sites: 4, rounds: 50 }), 0);
    expect(added).toHaveBeenCalledTimes(4);
    added.mockRestore();
  });

  it("are drawn again only where they have changed", () => {
    const { part, all } = open();
    part.draw(make({ sites: 30, rounds: 50, cells: () => `${"s".repeat(49)}w` }), 0);
    const before = all("tbody td.flw-cell");
    const made = vi.spyOn(document, "createElement");
    part.draw(make({ sites: 30, rounds: 50, cells: (n) => "s".repeat(49) + (n === 7 ? "s" : "w") }), 0);
    // The glyph and the spoken words of one cell.
    expect(made).toHaveBeenCalledTimes(2);
    expect(all("tbody td.flw-cell").every((cell, index) => cell === before[index])).toBe(true);
    expect(before[7 * 50 + 49]?.textContent).toBe("■submitted");
    made.mockRestore();
  });
});

describe("the rows of a matrix", () => {
  const read = (cells: string[], rest: Record<string, unknown> = {}) =>
    readViewModel({
      matrix: {
        columns: [{ label: "3" }, { label: "4" }, { label: "5" }],
        rows: cells.map((letters, n) => [`site-${n}`, letters, null, ""]),
        ...rest,
      },
    }).matrix!.rows.map((row) => row.cells);

  it("are blank after a site's last task, and idle in the last column", () => {
    expect(read(["s", "ss", "ssw", " s "], { idle: "q" })).toEqual(["s q", "ssq", "ssw", " s "]);
    expect(read(["s"])).toEqual(["s  "]);
  });

  it("may begin before the first column shown", () => {
    expect(read(["fss", "fssws", "f"], { idle: "q", earlier: 2 })).toEqual(["s q", "sws", "  q"]);
  });
});
