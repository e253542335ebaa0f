/** What is taken out of a chart. */
import { afterEach, describe, expect, it, vi } from "vitest";
import { createChart } from "./chart";
import { chartToCsv, exportName } from "./chart-export";
import { smooth } from "./smoothing";
import { stubCanvas } from "./stub-canvas";

describe("CSV", () => {
  it("has a row for each x and a column for each line and end of the band", () => {
    const lines = [
      { name: "all sites", points: [[1, 0.5] as const, [2, 0.25] as const] },
      { name: "site, 1", points: [[2, 1] as const, [3, Number.NaN] as const] },
    ];
    const band = { name: "range", points: [[1, 0, 1] as const] };
    expect(chartToCsv({ xLabel: "round", lines, band }).split("\r\n")).toEqual([
      'round,all sites,"site, 1",range (lowest),range (highest)',
      "1,0.5,,0,1",
      "2,0.25,1,,",
      "3,,,,",
      "",
    ]);
  });

  it("has the values behind smoothed points", () => {
    const lines = [{ name: "a", points: [[1, 9] as const], values: [[1, 5] as const] }];
    expect(chartToCsv({ xLabel: "step", lines })).toBe("step,a\r\n1,5\r\n");
  });

  it.each(["=1+1", "+1", "-1", "@x", '"=x', "\t=x"])("has no formula: %j", (name) => {
    const [head = ""] = chartToCsv({ xLabel: "x", lines: [{ name, points: [] }] }).split("\r\n");
    expect(head).not.toMatch(/(^|,)"?[=+@\t-]/);
  });
});

it.each([
  ["accuracy by round", "accuracy-by-round.csv"],
  ["../../etc/passwd", "etc-passwd.csv"],
  ["", "chart.csv"],
  ["x".repeat(300), `${"x".repeat(80)}.csv`],
])("names the file of %j", (label, name) => expect(exportName(label, "csv")).toBe(name));

describe("smoothing", () => {
  it("leaves a line as it is without a weight", () => {
    const points = [[1, 2] as const];
    expect(smooth(points, 0)).toBe(points);
  });

  it("begins at the first value, keeps a constant, and lies between neighbours", () => {
    expect(smooth([[1, 5] as const, [2, 5] as const], 0.9).map(([, y]) => y)).toEqual([5, expect.closeTo(5)]);
    const [, [, second] = [0, 0]] = smooth([[1, 0] as const, [2, 1] as const], 0.5);
    expect(second).toBeCloseTo(2 / 3);
  });

  it("leaves gaps as gaps", () => {
    expect(smooth([[1, 1] as const, [2, Number.NaN] as const, [3, 1] as const], 0.9).map(([, y]) => y)).toEqual([
      1,
      Number.NaN,
      expect.closeTo(1),
    ]);
  });
});

describe("the buttons of a chart", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.restoreAllMocks();
  });

  it("save its values under its name", async () => {
    stubCanvas();
    const saved: { name: string; content: Blob }[] = [];
    let blob = new Blob();
    vi.spyOn(URL, "createObjectURL").mockImplementation((content) => {
      blob = content as Blob;
      return "blob:x";
    });
    vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
      saved.push({ name: this.download, content: blob });
    });
    const chart = createChart();
    document.body.append(chart.element);
    chart.draw({
      label: "loss by round",
      xLabel: "round",
      lines: [{ name: "a", points: [[1, 0.5]] }],
      scale: { low: 0, high: 1, ticks: [0, 1], labels: ["0", "1"] },
    });
    const [csv] = chart.element.querySelectorAll<HTMLElement>(".flw-chart-save");
    csv?.click();
    expect(saved.map(({ name }) => name)).toEqual(["loss-by-round.csv"]);
    expect(await saved[0]?.content.text()).toBe("round,a\r\n1,0.5\r\n");
    chart.dispose();
  });
});
