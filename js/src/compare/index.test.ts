/** Jobs beside each other, against a model as anywidget gives it. */
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { FakeModel } from "../core/fake-model";
import { stubCanvas } from "../core/stub-canvas";
import widget from "./index";

const RATES = [0.1, 0.01, 1, 0.001, 10, 5, 7];
const label = (row: number): string => `job-${row}`;

const column = (name: string, kind: string, cells: object[], more: object = {}) => ({
  heading: name,
  name,
  kind,
  cells,
  direction: "",
  ...more,
});

function traitsOf(count: number): Record<string, unknown> {
  const rows = [...Array(count).keys()];
  const metric = (name: string) => ({
    name,
    text: "",
    note: "",
    has_chart: true,
    x_label: "round",
    scale: { low: 0, high: 1, ticks: [0, 1], labels: ["0", "1"] },
    lines: rows.map((row) => ({
      name: label(row),
      points: [
        [1, 0.5],
        [2, 0.5 + row / 100],
      ],
    })),
    best: [2, 0.5],
  });
  return {
    jobs: rows.map((row) => ({ label: label(row), trouble: "", problem: "" })),
    columns: [
      column(
        "job",
        "fact",
        rows.map((row) => ({ text: label(row), value: label(row) })),
      ),
      column(
        "status",
        "fact",
        rows.map((row) => ({ text: row ? "✓ completed" : "● running", value: "x" })),
      ),
      column(
        "rate",
        "argument",
        rows.map((row) => ({ text: `${RATES[row]}`, value: RATES[row] })),
      ),
      column(
        "accuracy",
        "metric",
        rows.map((row) => ({
          text: `0.${row}`,
          value: row / 10,
          note: "round 2",
          ...(row === count - 1 ? { is_best: true, difference: "+0.1", tone: "better" } : {}),
        })),
        { direction: "max" },
      ),
    ],
    ranking: [...rows].reverse(),
    baseline_row: -1,
    metrics: [metric("accuracy"), metric("loss")],
    parallel: {
      axes: [
        { name: "rate", is_metric: false, ticks: [[0, "0.001"]] },
        { name: "accuracy", is_metric: true, ticks: [[1, "0.9"]] },
      ],
      lines: rows.map((row) => [row / 10, row / 10]),
      merits: rows.map((row) => row / 10),
    },
    shared: "workflow FedAvg, epochs=2",
    has_ended: false,
  };
}

function open(count = 7, traits: Record<string, unknown> = {}) {
  const model = new FakeModel<Record<string, unknown>>({ ...traitsOf(count), ...traits });
  const el = document.createElement("div");
  document.body.append(el);
  const close = widget.render({ model, el });
  const names = (): (string | undefined)[] =>
    [...el.querySelectorAll("tbody th")].map((cell) => cell.textContent?.trim());
  const type = (query: string): void => {
    const filter = el.querySelector<HTMLInputElement>("[type=search]")!;
    filter.value = query;
    filter.dispatchEvent(new Event("input"));
  };
  const heading = (name: string): HTMLElement => el.querySelector<HTMLElement>(`[data-column="${name}"]`)!;
  return { el, model, close, names, type, heading };
}

beforeEach(() => void stubCanvas());
afterEach(() => {
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

describe("the table", () => {
  it("has a row per job in the style of its line", () => {
    const { el, names } = open(3);
    expect(names()).toEqual(["job-0", "job-1", "job-2"]);
    expect(el.querySelector("tbody tr:nth-child(2) .flw-swatch.flw-series-1")).not.toBeNull();
    expect([...el.querySelectorAll(".flw-legend")][0]?.textContent).toContain("job-1");
    expect(el.textContent).toContain("Same in all: workflow FedAvg, epochs=2");
  });

  it("marks the best and colours differences", () => {
    const { el } = open(3);
    expect([...el.querySelectorAll("td strong")].map(({ textContent }) => textContent)).toEqual(["0.2"]);
    expect(el.querySelector(".flw-difference.flw-better")?.textContent).toBe("+0.1");
    expect(el.textContent).toContain("bold: best of all");
  });

  it("sorts by a heading: the best first, then the other way, then as it was", () => {
    const { names, heading, el } = open(4);
    heading("accuracy").click();
    expect(names()).toEqual(["job-3", "job-2", "job-1", "job-0"]);
    expect(heading("accuracy").parentElement?.getAttribute("aria-sort")).toBe("descending");
    heading("rate").click();
    expect(names()).toEqual(["job-3", "job-1", "job-0", "job-2"]);
    heading("rate").click();
    expect(names()).toEqual(["job-2", "job-0", "job-1", "job-3"]);
    heading("rate").focus();
    heading("rate").click();
    expect(names()).toEqual(["job-0", "job-1", "job-2", "job-3"]);
    expect(document.activeElement).toBe(el.querySelector('[data-column="rate"]'));
  });

  it("keeps its order on updates", () => {
    const { names, heading, model } = open(3);
    heading("accuracy").click();
    model.receive({ shared: "nothing" });
    expect(names()).toEqual(["job-2", "job-1", "job-0"]);
  });
});

describe("the filter", () => {
  it("is there for many jobs only", () => {
    expect(open(3).el.querySelector<HTMLElement>("[type=search]")?.hidden).toBe(true);
    expect(open(7).el.querySelector<HTMLElement>("[type=search]")?.hidden).toBe(false);
  });

  it("chooses rows, lines and the jobs of the parallel coordinates", () => {
    const { el, names, type } = open();
    expect(el.querySelectorAll(".flw-parallel-line")).toHaveLength(7);
    type("rate>=1 completed");
    expect(names()).toEqual(["job-2", "job-4", "job-5", "job-6"]);
    expect(el.textContent).toContain("4 of 7 jobs");
    expect(el.querySelectorAll(".flw-parallel-line")).toHaveLength(4);
    const legend = el.querySelector(".flw-legend")!;
    expect([...legend.querySelectorAll("button .flw-legend-name")].map((n) => n.textContent)).toEqual(names());
    type("rate>x");
    expect(el.querySelector(".flw-problems")?.textContent).toBe("rate>x: expected a number after >");
    expect(names()).toHaveLength(7);
  });
});

describe("the baseline", () => {
  it("is chosen in the kernel, and marked", () => {
    const { el, model } = open(3);
    const choice = el.querySelector<HTMLSelectElement>(".flw-baseline-choice select")!;
    expect([...choice.options].map(({ text }) => text)).toEqual(["none", "job-0", "job-1", "job-2"]);
    choice.value = "1";
    choice.dispatchEvent(new Event("change"));
    expect(model.sent.at(-1)).toEqual({ kind: "baseline", row: 1 });
    model.receive({ baseline_row: 1 });
    expect(el.querySelector("tr.flw-baseline th")?.textContent?.trim()).toBe("job-1 baseline");
    expect(choice.value).toBe("1");
    expect(el.textContent).toContain("differences to job-1");
  });
});

describe("the charts", () => {
  it("are side by side, of the best jobs; the others on request", () => {
    const { el } = open(12, {});
    const charts = [...el.querySelectorAll("[role=slider]")].map((plot) => plot.getAttribute("aria-label"));
    expect(charts).toEqual(["accuracy by round", "loss by round"]);
    expect(el.querySelector(".flw-legend-picker")?.textContent).toContain("show one of 4…");
    expect(el.querySelector(".flw-legend button")?.textContent).toContain("job-4");
  });

  it("explain missing metrics", () => {
    const { el, model } = open(2, { metrics: [], parallel: {} });
    expect(el.textContent).toContain("No metrics yet.");
    model.receive({ jobs: [{ label: "job-0", problem: "no metrics: your role may not" }] });
    expect(el.textContent).toContain("job-0: no metrics: your role may not");
    expect(el.textContent).not.toContain("No metrics yet.");
  });
});

describe("parallel coordinates", () => {
  it("tell the job under the pointer", () => {
    const { el } = open(3);
    const target = el.querySelectorAll(".flw-parallel-target")[0]!;
    target.dispatchEvent(new Event("pointerenter"));
    expect(el.querySelector(".flw-parallel-note")?.textContent).toBe("job-0 · rate 0.1 · accuracy 0.0");
    expect(el.querySelectorAll(".flw-pointed")).toHaveLength(1);
    el.querySelector("tbody tr:nth-child(3)")?.dispatchEvent(new Event("pointerenter"));
    expect(el.querySelector(".flw-parallel-note")?.textContent).toContain("job-2");
    expect(el.querySelectorAll(".flw-faint")).toHaveLength(2);
  });

  it("are absent without arguments that differ", () => {
    const { el } = open(3, { parallel: {} });
    expect(el.querySelector(".flw-parallel-line")).toBeNull();
  });
});

it("cleans up on dispose", () => {
  const { close, model, el } = open();
  close();
  expect(model.listening).toBe(0);
  expect(el.children).toHaveLength(0);
});

it.each([
  null,
  5,
  "x",
  [null],
  [{ cells: [5, null, { value: {} }], lines: 3, name: {} }],
  { axes: [{}, { ticks: [5] }] },
])("lets %j do no harm", (value) => {
  const names = ["jobs", "columns", "ranking", "baseline_row", "metrics", "parallel", "shared", "has_ended"];
  const { el } = open(2, Object.fromEntries(names.map((name) => [name, value])));
  expect(el.querySelectorAll("script, img")).toHaveLength(0);
});
