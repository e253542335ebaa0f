/** The front-end half of flare_widgets/views/compare/view.py: draws the comparison of jobs. */
import { type RenderContext, type TraitReaders, TypedModel } from "../core/anywidget-model";
import { createChart } from "../core/chart";
import { h, setText, setVisible, whenChanged } from "../core/dom";
import { createKernelBanner } from "../core/kernel-banner";
import { createSwatch } from "../core/series-style";
import { themed } from "../core/theme";
import { asBoolean, asPoints, asRecords, asText, asTexts } from "../core/validate";
import { type Metric, readMetrics } from "./view-model";

interface Job {
  /** What is wrong with the job or its connection, with its name; empty if nothing is. */
  readonly trouble: string;
  /** The reason why something is missing, likewise. */
  readonly problem: string;
}

interface CompareTraits {
  readonly jobs: readonly Job[];
  readonly headings: string[];
  readonly rows: string[][];
  /** Rows and columns of the cells that have the best value of their metric. */
  readonly best_cells: readonly (readonly [row: number, column: number])[];
  readonly metrics: readonly Metric[];
  readonly differences: readonly string[];
  readonly has_ended: boolean;
}

const READERS: TraitReaders<CompareTraits> = {
  jobs: readJobs,
  headings: (value) => asTexts(value),
  rows: readRows,
  best_cells: asPoints,
  metrics: readMetrics,
  differences: (value) => asTexts(value),
  has_ended: asBoolean,
};

const DIRECTIONS = { max: " (higher is better)", min: " (lower is better)", "": "" };

export default themed({ render });

function render(context: RenderContext): () => void {
  const { model, el } = context;
  const traits = new TypedModel(model, READERS);
  const table = h("table");
  const choice = h("select", { class: "flw-metric", "aria-label": "metric" });
  const direction = h("span");
  const chooser = h("div", { class: "flw-metric-line" }, choice, direction);
  const chart = createChart({ height: 220 });
  const notes = h("div");
  const element = h(
    "div",
    { class: "flw-compare flw-live", role: "group", "aria-label": "jobs compared" },
    h("div", { class: "flw-table", tabindex: "0", role: "region", "aria-label": "table of the jobs" }, table),
    chooser,
    chart.element,
    notes,
  );

  const drawTable = whenChanged(
    ({ headings, rows, best }: { headings: string[]; rows: string[][]; best: string[] }) => {
      const head = h("thead", {}, h("tr", {}, ...headings.map((text) => h("th", { scope: "col" }, text))));
      const lines = rows.map(([name = "", ...cells], number) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, createSwatch(number, false), " ", name),
          ...cells.map((cell, column) => {
            const isBest = best.includes(`${number} ${column + 1}`);
            return h("td", {}, isBest ? h("strong", { title: "best of all" }, cell) : cell);
          }),
        ),
      );
      table.replaceChildren(head, h("tbody", {}, ...lines));
    },
  );

  const drawChoice = whenChanged((metrics: string[]) => {
    const before = choice.value;
    choice.replaceChildren(
      ...metrics.map((metric) => {
        const option = h("option", {}, metric);
        option.value = metric;
        return option;
      }),
    );
    if (metrics.includes(before)) choice.value = before;
  });

  const drawNotes = whenChanged((notesText: string[]) => {
    notes.replaceChildren(...notesText.map((text) => h("p", { class: "flw-note" }, text)));
  });

  function draw(): void {
    const metrics = traits.get("metrics");
    const rows = traits.get("rows");
    const best = traits.get("best_cells").map(([row, column]) => `${row} ${column}`);
    drawTable({ headings: traits.get("headings"), rows, best });
    drawChoice(metrics.map(({ name }) => name));
    const jobs = traits.get("jobs");
    const problems = jobs.map(({ problem }) => problem).filter(Boolean);
    kernel.draw(jobs.map(({ trouble }) => trouble));
    drawNotes(composeNotes(problems, traits.get("differences"), metrics.length));
    const metric = metrics.find(({ name }) => name === choice.value) ?? metrics[0];
    setVisible(chooser, metric !== undefined);
    setVisible(chart.element, metric !== undefined);
    if (!metric) return;
    setText(direction, `by round${DIRECTIONS[metric.direction]}`);
    chart.draw({
      label: `${metric.name} of each job by round`,
      xLabel: "round",
      // Includes jobs without this metric, so that each keeps the style that it has in the table.
      lines: metric.lines.map((points, number) => ({ name: rows[number]?.[0] ?? "job", points })),
      scale: metric.scale,
      ...(metric.best ? { mark: { x: metric.best[0], y: metric.best[1], label: "best" } } : {}),
    });
  }

  choice.addEventListener("change", draw);
  const kernel = createKernelBanner(
    context,
    element,
    () => {},
    () => !traits.get("has_ended"),
  );
  const stop = traits.onChange(["jobs", "headings", "rows", "best_cells", "metrics", "differences"], draw);
  el.append(element);
  draw();
  return () => {
    stop();
    kernel.dispose();
    chart.dispose();
    element.remove();
  };
}

function composeNotes(problems: readonly string[], differences: readonly string[], metrics: number): string[] {
  const notes = metrics === 0 && problems.length === 0 ? ["No metrics yet."] : [...problems];
  return differences.length ? [...notes, `Differences: ${differences.join(", ")}`] : notes;
}

function readJobs(jobs: unknown): Job[] {
  return asRecords(jobs).map(({ label, trouble, problem }) => ({
    trouble: withName(label, trouble),
    problem: withName(label, problem),
  }));
}

function withName(name: unknown, sentence: unknown): string {
  return asText(sentence) ? `${asText(name)}: ${asText(sentence, 500)}` : "";
}

function readRows(value: unknown): string[][] {
  return Array.isArray(value) ? value.map((row) => asTexts(row)) : [];
}
