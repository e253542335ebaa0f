/** The metrics of the job view: words, chart, choice, fold. The canvas is one that does nothing. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { stubCanvas } from "../core/stub-canvas";
import { fixture } from "./fixtures";
import { type Metric, readMetrics } from "./metrics";
import { createMetricCharts } from "./parts/metrics";

const metric = (name: string, values: readonly number[], more: object = {}): object => ({
  name,
  text: `${name} in words`,
  lines: [
    { name: "all sites", is_bold: true, points: values.map((value, n) => [n + 1, value]) },
    { name: "hospital-a", is_bold: false, points: values.map((value, n) => [n + 1, value]) },
  ],
  hidden_sites: 0,
  best: null,
  stride: 1,
  has_chart: values.length > 1,
  scale: { low: 0, high: 5, ticks: [0, 5], labels: ["0", "5"] },
  log_scale: values.some((value) => value > 0) ? { low: 1, high: 5, ticks: [1, 5], labels: ["1", "5"] } : null,
  ...more,
});

let memory: Map<string, boolean>;

function open(...metrics: object[]) {
  const part = createMetricCharts(memory);
  document.body.append(part.element);
  const draw = (...next: object[]): void => part.draw(readMetrics(next));
  draw(...metrics);
  const one = <E extends HTMLElement = HTMLElement>(selector: string): E | null =>
    part.element.querySelector<E>(selector);
  return { part, draw, one, label: () => one("[role=slider]")?.getAttribute("aria-label") ?? null };
}

beforeEach(() => {
  memory = new Map();
  stubCanvas();
});
afterEach(() => {
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

describe("metrics", () => {
  it("hide the section while empty", () => {
    expect(open().part.element.hidden).toBe(true);
  });

  it("have their room before they have values", () => {
    const { part, one, draw } = open();
    part.draw([], "", "", true);
    expect(part.element.hidden).toBe(false);
    expect(one(".flw-metric-room")?.hidden).toBe(false);
    expect(part.element.classList.contains("flw-metrics-expected")).toBe(true);
    part.draw(readMetrics([metric("accuracy", [0.4])]), "", "", true);
    expect(one(".flw-metric-room")?.hidden).toBe(true);
    expect(one(".flw-metric-place")?.style.getPropertyValue("--flw-chart-height")).toBe("190px");
    draw();
    expect(part.element.hidden).toBe(true);
  });

  it("are text until there is a line", () => {
    const { one, draw } = open(metric("accuracy", [0.4]));
    expect(one(".flw-metric-text")?.textContent).toBe("accuracy in words");
    expect(one("canvas")).toBeNull();
    expect(one("input")?.closest("[hidden]")).not.toBeNull();
    draw(metric("accuracy", [0.4, 0.5]));
    expect(one("canvas")).not.toBeNull();
    expect(one(".flw-metric-text")?.classList.contains("flw-spoken")).toBe(true);
  });

  it("are drawn as the kernel sent them", () => {
    const part = createMetricCharts(memory);
    part.draw(readMetrics(fixture("rounds").metrics));
    expect(part.element.textContent).toContain("best: round 4, 0.612");
    part.dispose();
  });

  it("say how many are not drawn", () => {
    const { part, one } = open(metric("accuracy", [1, 2]));
    expect(one(".flw-more")?.hidden).toBe(true);
    part.draw(readMetrics([metric("accuracy", [1, 2])]), "and 3 more metrics, not drawn");
    expect(one(".flw-more")?.hidden).toBe(false);
    expect(one(".flw-more")?.textContent).toBe("and 3 more metrics, not drawn");
  });

  it("stand side by side, the fifth and more on request", () => {
    const five = ["accuracy", "loss", "f1", "auc", "dice"].map((name) => metric(name, [1, 2]));
    const { part, one, draw } = open(...five);
    const labels = (): (string | null)[] =>
      [...part.element.querySelectorAll("[role=slider]")].map((plot) => plot.getAttribute("aria-label"));
    expect(labels()).toEqual(["accuracy by round", "loss by round", "f1 by round", "auc by round"]);
    const more = one(".flw-metric-tools button")!;
    expect(more.textContent).toBe("1 more metric");
    more.click();
    expect(labels().at(-1)).toBe("dice by round");
    draw(...five, metric("recall", [1, 2]));
    expect(labels()).toHaveLength(6);
    expect(open(...five).part.element.querySelectorAll("[role=slider]")).toHaveLength(5);
    more.click();
    expect(labels()).toHaveLength(4);
  });

  it("hide a line in all charts at once, and remember it", () => {
    const { part } = open(metric("accuracy", [1, 2]), metric("loss", [3, 4]));
    const pressed = (element: HTMLElement): (string | null)[] =>
      [...element.querySelectorAll("[data-line=hospital-a]")].map((button) => button.getAttribute("aria-pressed"));
    expect(pressed(part.element)).toEqual(["true", "true"]);
    part.element.querySelector<HTMLElement>("[data-line=hospital-a]")!.click();
    expect(pressed(part.element)).toEqual(["false", "false"]);
    expect(pressed(open(metric("accuracy", [1, 2])).part.element)).toEqual(["false"]);
  });

  it("say which are live, also where there is none", () => {
    const { part, one } = open();
    part.draw([], "", "Live: only the job's key metric.");
    expect(part.element.hidden).toBe(false);
    expect(one(".flw-live-metrics")?.textContent).toBe("Live: only the job's key metric.");
    part.draw(readMetrics([metric("accuracy", [1, 2])]), "", "");
    expect(one(".flw-live-metrics")?.hidden).toBe(true);
  });

  it("offer a logarithmic scale for positive values", () => {
    const { one, draw } = open(metric("loss", [3, 0]));
    const box = one<HTMLInputElement>("input")!;
    box.checked = true;
    box.dispatchEvent(new Event("change"));
    expect(one(".flw-chart-note")?.textContent).toContain("2 values are not above 0");
    draw(metric("loss", [-3, -2]));
    expect(box.disabled).toBe(true);
    expect(one(".flw-chart-note")?.textContent).toBe("");
  });

  it("are drawn by step, with their note", () => {
    const { one, label, draw } = open(metric("loss", [3, 2], { x_label: "step", note: "its direction is unknown" }));
    expect(label()).toBe("loss by step");
    expect(one(".flw-metric-note")?.textContent).toBe("its direction is unknown");
    draw(metric("loss", [3, 2]));
    expect(one(".flw-metric-note")?.hidden).toBe(true);
  });

  it("are not drawn while collapsed, and stay so", () => {
    const { one, draw } = open(metric("accuracy", [1, 2]));
    one("button")!.click();
    expect(one("canvas")).toBeNull();
    draw(metric("accuracy", [1, 2, 3]));
    expect(one("canvas")).toBeNull();
    expect(open(metric("accuracy", [1, 2])).one("canvas")).toBeNull();
    one("button")!.click();
    expect(one("[role=slider]")?.getAttribute("aria-valuemax")).toBe("3");
  });

  it("are not redrawn without changes", () => {
    const { part } = open();
    const list: readonly Metric[] = readMetrics([metric("accuracy", [1, 2])]);
    part.draw(list);
    const drawn = vi.spyOn(Element.prototype, "setAttribute");
    part.draw(list);
    expect(drawn).not.toHaveBeenCalled();
  });

  it("are redrawn one by one, where their values have changed", () => {
    const same = metric("accuracy", [1, 2]);
    const { part } = open(same, metric("loss", [2, 1]));
    part.draw(readMetrics([same, metric("loss", [2, 1])]));
    const drawn = vi.spyOn(Element.prototype, "setAttribute");
    part.draw(readMetrics([same, metric("loss", [2, 1, 0])]));
    const charts = [...part.element.querySelectorAll(".flw-metric")];
    const touched = drawn.mock.contexts as Element[];
    expect(touched.some((element) => charts[1]!.contains(element))).toBe(true);
    expect(touched.some((element) => charts[0]!.contains(element))).toBe(false);
  });

  it.each([
    ["markup", "<img src=x onerror=alert(1)>"],
    ["control and direction characters", "\u001b[31m\u202e\u0000"],
    ["a long text", "n".repeat(1_000_000)],
  ])("are text and bounded, whatever a site calls them: %s", (_, words) => {
    const hostile = (n: number): object =>
      metric(`${n}${words}`, [1, 2], {
        text: words,
        lines: [
          {
            name: words,
            points: [
              [1, 1],
              [2, 2],
            ],
          },
        ],
      });
    const { part, one } = open(hostile(1), hostile(2));
    expect(one("img")).toBeNull();
    expect(part.element.textContent).not.toMatch(/[\u001b\u202e\u0000]/u);
    expect(part.element.outerHTML.length).toBeLessThan(9000);
  });

  it.each([
    null,
    1,
    "x",
    [null],
    [{ lines: 7 }],
    [{ lines: [{ points: [[1], "ab", [1, "2"], [null, 3]] }], has_chart: true }],
  ])("survive what no kernel sends: %j", (value) => {
    const part = createMetricCharts(memory);
    expect(() => part.draw(readMetrics(value))).not.toThrow();
    part.dispose();
  });
});
