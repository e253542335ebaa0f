/** The chart without a canvas: what it says, what it hands to uPlot, and that nothing stays behind. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Chart, type ChartData, createChart } from "./chart";
import { seriesStyle } from "./series-style";
import { stubCanvas } from "./stub-canvas";

const scale = (low: number, high: number) => ({ low, high, ticks: [low, high], labels: [`${low}`, `${high}`] });

const PICTURE: ChartData = {
  scale: scale(0.4, 0.6),
  label: "accuracy by round",
  xLabel: "round",
  lines: [
    {
      name: "all sites",
      isBold: true,
      points: [
        [1, 0.4],
        [2, 0.612],
        [3, 0.607],
      ],
    },
    {
      name: "hospital-a",
      points: [
        [1, 0.41],
        [3, 0.59],
      ],
    },
  ],
  mark: { x: 2, y: 0.612, label: "best" },
};

let open: Chart;
let calls: ReturnType<typeof stubCanvas>;

beforeEach(() => {
  calls = stubCanvas();
  open = createChart();
  document.body.append(open.element);
});
afterEach(() => {
  open.dispose();
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

const plot = (): HTMLElement => open.element.querySelector<HTMLElement>("[role=slider]")!;
const legend = (): string[] => [...open.element.querySelectorAll("li")].map((item) => item.textContent ?? "");
const note = (): string => open.element.querySelector(".flw-chart-note")?.textContent ?? "";
const press = (key: string): boolean =>
  plot().dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));

describe("a chart", () => {
  it("names lines, last values and the highlighted point", () => {
    open.draw(PICTURE);
    expect(legend()).toEqual(["all sites 0.607", "hospital-a 0.590"]);
    expect(note()).toBe("◯ best: round 2, 0.612");
    expect(plot().getAttribute("aria-label")).toBe("accuracy by round");
    expect(plot().getAttribute("aria-valuetext")).toBe("round 3, all sites 0.607, hospital-a 0.590");
  });

  it("updates its axis labels", async () => {
    const labels = async (...values: number[]): Promise<unknown[]> => {
      calls.length = 0;
      open.draw({
        label: "loss",
        xLabel: "round",
        lines: [{ name: "loss", points: values.map((y, x) => [x + 1, y] as const) }],
        scale: scale(Math.min(...values), Math.max(...values)),
      });
      await new Promise((resolve) => setTimeout(resolve));
      return calls.filter(([name]) => name === "fillText").map(([, text]) => text);
    };
    expect(await labels(0.5, 0.6, 0.7)).toContain("0.7");
    const later = await labels(0.5, 40, 80);
    expect(later).toContain("80");
    expect(later).not.toContain("0.7");
  });

  it("can be read with the arrow keys", () => {
    open.draw(PICTURE);
    press("Home");
    expect(legend()).toEqual(["all sites 0.400", "hospital-a 0.410"]);
    press("ArrowRight");
    expect(legend()).toEqual(["all sites 0.612", "hospital-a –"]);
    expect(plot().getAttribute("aria-valuenow")).toBe("2");
    expect(plot().getAttribute("aria-valuetext")).toBe("round 2, all sites 0.612, hospital-a –");
    expect(note()).toMatch(/^round 2 · /);
    expect(press("ArrowRight")).toBe(false);
    press("Escape");
    expect(legend()[0]).toBe("all sites 0.607");
    expect(press("Escape")).toBe(true);
  });

  it("distinguishes lines without colour", () => {
    open.draw({
      ...PICTURE,
      lines: Array.from({ length: 12 }, (_, n) => ({
        name: `s${n}`,
        points: [
          [1, n],
          [2, n],
        ],
      })),
    });
    const looks = [...open.element.querySelectorAll("svg")].map((swatch) => swatch.innerHTML);
    expect(new Set(looks).size).toBe(12);
  });

  it("shares the look of the first line with no other", () => {
    const [first, ...others] = Array.from({ length: 21 }, (_, index) => seriesStyle(index));
    expect(others.filter(({ colour, shape }) => colour === first?.colour || shape === first?.shape)).toEqual([]);
    expect(new Set(others.map((style) => JSON.stringify(style))).size).toBe(20);
  });

  it("begins at the first round, with or without a value", async () => {
    const lines = [{ name: "loss", points: Array.from({ length: 9 }, (_, n) => [n + 2, n] as const) }];
    open.draw({ label: "loss", xLabel: "round", lines, scale: scale(0, 9), firstX: 1 });
    await new Promise((resolve) => setTimeout(resolve));
    const texts = calls.filter(([name]) => name === "fillText").map(([, text]) => text);
    expect(texts).toContain("1");
    // Its place is empty: the first value is that of the second round.
    press("Home");
    expect(plot().getAttribute("aria-valuetext")).toBe("round 2, loss 0.000");
  });

  it("hides and shows a line by its legend", () => {
    open.draw(PICTURE);
    const button = (): HTMLElement => open.element.querySelector<HTMLElement>("[data-line=hospital-a]")!;
    button().focus();
    button().click();
    expect(button().getAttribute("aria-pressed")).toBe("false");
    expect(document.activeElement).toBe(button());
    expect(plot().getAttribute("aria-valuetext")).toBe("round 3, all sites 0.607");
    button().click();
    expect(plot().getAttribute("aria-valuetext")).toContain("hospital-a");
  });

  it("offers optional lines beside their range", () => {
    const site = (name: string) => ({ ...PICTURE.lines[1]!, name, isOptional: true });
    const band = { name: "range of 2 sites", points: [[1, 0.4, 0.5] as const, [3, 0.5, 0.59] as const] };
    open.draw({ ...PICTURE, lines: [PICTURE.lines[0]!, site("a"), site("b")], band });
    expect(legend()).toEqual(["all sites 0.607", "range of 2 sites 0.500 to 0.590", "show one of 2…ab"]);
    expect(plot().getAttribute("aria-valuetext")).toBe("round 3, all sites 0.607, range of 2 sites 0.500 to 0.590");
    const picker = open.element.querySelector("select")!;
    picker.value = "b";
    picker.dispatchEvent(new Event("change"));
    expect(legend()).toEqual(["all sites 0.607", "b 0.590", "range of 2 sites 0.500 to 0.590", "show one of 1…a"]);
    open.element.querySelector<HTMLElement>("[data-line=b]")!.click();
    expect(legend()).toHaveLength(3);
  });

  it("shows and reports gaps of a logarithmic scale", () => {
    const lines = [
      {
        name: "loss",
        points: [
          [1, 10],
          [2, 0],
          [3, 0.1],
          [4, Number.NaN],
        ] as const,
      },
    ];
    open.draw({ label: "loss", xLabel: "round", lines, scale: scale(0.1, 10), isLogScale: true });
    expect(note()).toBe("1 value is not above 0: a logarithmic scale has no place for it");
    // The round is there and its value is told, though the line has a gap.
    press("Home");
    press("ArrowRight");
    expect(plot().getAttribute("aria-valuetext")).toBe("round 2, loss 0.000");
    press("End");
    expect(plot().getAttribute("aria-valuetext")).toBe("round 4, loss –");
    press("Escape");
    expect(legend()).toEqual(["loss 0.100"]);
  });

  it("limits the legend", () => {
    const lines = Array.from({ length: 200 }, (_, n) => ({ name: `site-${n}`, points: [[1, n]] as const }));
    open.draw({ label: "accuracy", xLabel: "round", lines, scale: scale(0, 199) });
    expect(legend()).toHaveLength(13);
    expect(legend().at(-1)).toBe("and 188 more");
  });

  it("reuses the plot for new values only", () => {
    open.draw(PICTURE);
    const first = plot().firstElementChild;
    open.draw({
      ...PICTURE,
      lines: [
        {
          ...PICTURE.lines[0]!,
          points: [
            [1, 0.4],
            [2, 0.5],
          ],
        },
        PICTURE.lines[1]!,
      ],
    });
    expect(plot().firstElementChild).toBe(first);
    open.draw({ ...PICTURE, isLogScale: true });
    expect(plot().firstElementChild).not.toBe(first);
    expect(plot().childElementCount).toBe(1);
  });

  it("draws markers and a ring around the best", async () => {
    open.draw(PICTURE);
    await Promise.resolve();
    await Promise.resolve();
    expect(calls.filter(([name]) => name === "fill").length).toBeGreaterThanOrEqual(5);
    expect(calls.filter(([name, , , radius]) => name === "arc" && radius === 8)).toHaveLength(1);
  });

  it("shows hostile names as text", () => {
    open.draw({ ...PICTURE, lines: [{ name: "<img src=x onerror=alert(1)>\u202e\u001b[31m", points: [[1, 1]] }] });
    expect(open.element.querySelector("img")).toBeNull();
    expect(legend()[0]).toBe("<img src=x onerror=alert(1)>\uFFFD\uFFFD[31m 1.000");
  });

  it("cleans up on dispose", () => {
    open.draw(PICTURE);
    const other = vi.spyOn(MutationObserver.prototype, "disconnect");
    const sizes = vi.spyOn(ResizeObserver.prototype, "disconnect");
    open.dispose();
    expect(other).toHaveBeenCalledTimes(1);
    expect(sizes).toHaveBeenCalledTimes(1);
    expect(document.body.childElementCount).toBe(0);
  });
});

describe("zoom", () => {
  const long: ChartData = {
    ...PICTURE,
    lines: [{ name: "loss", points: [20, 5, 2, 1, 0.9, 0.8, 0.7, 0.6].map((y, x) => [x + 1, y] as const) }],
    scale: scale(0, 20),
  };
  const button = (): HTMLElement => open.element.querySelector<HTMLElement>(".flw-show-all")!;
  const axis = async (): Promise<unknown[]> => {
    calls.length = 0;
    await new Promise((resolve) => setTimeout(resolve));
    return calls.filter(([name]) => name === "fillText").map(([, text]) => text);
  };

  it("shows half of the rounds with a scale that fits them, and all again", async () => {
    open.draw(long);
    expect(await axis()).toEqual(expect.arrayContaining(["1", "8", "20"]));
    press("+");
    const near = await axis();
    expect(near).toEqual(expect.arrayContaining(["5", "8", "0.6"]));
    expect(near).not.toContain("20");
    expect(button().hidden).toBe(false);
    expect(button().textContent).toBe("show all rounds");
    button().click();
    expect(await axis()).toContain("20");
    expect(button().hidden).toBe(true);
  });

  it("ends by minus, Escape and a double-click, and stays on updates", () => {
    for (const end of [
      () => press("-"),
      () => press("Escape"),
      () => plot().dispatchEvent(new Event("dblclick", { bubbles: true })),
    ]) {
      open.draw(long);
      press("+");
      open.draw({ ...long, lines: [{ name: "loss", points: [...(long.lines[0]?.points ?? []), [9, 0.5]] }] });
      expect(button().hidden).toBe(false);
      end();
      expect(button().hidden).toBe(true);
    }
  });

  it("keeps two rounds at least", () => {
    open.draw(long);
    for (let n = 0; n < 20; n++) press("+");
    press("Home");
    expect(plot().getAttribute("aria-valuetext")).toContain("round 1");
    expect(button().hidden).toBe(false);
  });
});
