/** The front-end half of flare_widgets/views/compare/view.py: draws the comparison of jobs. */
import { type RenderContext, type TraitReaders, TypedModel } from "../core/anywidget-model";
import { h, setText, setVisible, whenChanged } from "../core/dom";
import { createKernelBanner } from "../core/kernel-banner";
import { offerTab } from "../core/open-in-tab";
import { themed } from "../core/theme";
import { asBoolean, asNumber, asRecords, asText } from "../core/validate";
import { type Metric, readMetrics } from "../job/metrics";
import { createMetricCharts } from "../job/parts/metrics";
import { createParallelPlot } from "./parallel";
import { nextRowOrder, type RowOrder, readRowFilter, sortRows } from "./rows";
import { createCompareTable } from "./table";
import { asNumbers, type Column, type Parallel, readColumns, readParallel } from "./view-model";

interface Job {
  readonly label: string;
  /** What is wrong with the job or its connection, with its name; empty if nothing is. */
  readonly trouble: string;
  /** The reason why something is missing, likewise. */
  readonly problem: string;
}

interface CompareTraits {
  readonly jobs: readonly Job[];
  readonly columns: readonly Column[];
  /** The jobs, the best first. */
  readonly ranking: readonly (number | null)[];
  /** The job with which the others are compared; -1 for none. */
  readonly baseline_row: number;
  readonly metrics: readonly Metric[];
  readonly parallel: Parallel | null;
  readonly shared: string;
  readonly has_ended: boolean;
}

const MAX_SENTENCE_CHARS = 500;
const READERS: TraitReaders<CompareTraits> = {
  jobs: readJobs,
  columns: readColumns,
  ranking: asNumbers,
  baseline_row: (value) => asNumber(value) ?? -1,
  metrics: readMetrics,
  parallel: readParallel,
  shared: (value) => asText(value, MAX_SENTENCE_CHARS),
  has_ended: asBoolean,
};

/** Lines that are drawn in a chart unless the reader asks for more; as many as in the static form. */
const MAX_PLAIN_JOBS = 8;
/** Jobs from which on there is a filter: fewer are seen at a glance. */
const MIN_FILTERED_JOBS = 6;

export default themed({ render });

function render(context: RenderContext): () => void {
  const { model, el } = context;
  const traits = new TypedModel(model, READERS);
  let order: RowOrder | undefined;

  const filter = h("input", { class: "flw-filter", "aria-label": "filter the jobs" });
  filter.type = "search";
  filter.placeholder = "filter: a word, rate>0.1";
  filter.title = "Several conditions must all hold: train rate>0.1 accuracy>=0.9";
  const baseline = h("select", {
    class: "flw-choice",
    title: "the job with which the others are compared",
    "aria-label": "baseline",
  });
  const baselineLabel = h("label", { class: "flw-baseline-choice" }, "baseline ", baseline);
  const count = h("span", { class: "flw-count", role: "status" });
  const tools = h("div", { class: "flw-compare-tools" }, filter, count, baselineLabel);
  const problems = h("p", { class: "flw-problems" });
  const table = createCompareTable({
    sort(column) {
      order = nextRowOrder(order, column);
      draw();
    },
    point: highlight,
  });
  const notes = h("div");
  const openSections = new Map<string, boolean>();
  const charts = createMetricCharts(openSections);
  const parallel = createParallelPlot(openSections, highlight);
  const element = h(
    "div",
    { class: "flw-compare flw-live", role: "group", "aria-label": "jobs compared" },
    tools,
    problems,
    table.element,
    notes,
    parallel.element,
    charts.element,
  );

  function highlight(row: number | null): void {
    parallel.highlight(row);
  }

  const drawChoice = whenChanged((labels: string[]) => {
    baseline.replaceChildren(
      ...["none", ...labels].map((label, index) => {
        const option = h("option", {}, label);
        option.value = String(index - 1);
        return option;
      }),
    );
  });

  const drawNotes = whenChanged((texts: string[]) => {
    notes.replaceChildren(...texts.map((text) => h("p", { class: "flw-note" }, text)));
  });

  function draw(): void {
    const [jobs, columns, metrics] = [traits.get("jobs"), traits.get("columns"), traits.get("metrics")];
    const base = traits.get("baseline_row");
    const found = readRowFilter(filter.value, columns);
    const rows = jobs.map((_, row) => row).filter((row) => found.test(row));
    const shown = new Set(rows);
    table.draw({ columns, rows: sortRows(rows, order, columns), order, baseline: base });
    setText(problems, found.problems.join("; "));
    setVisible(problems, found.problems.length > 0);
    setVisible(filter, jobs.length >= MIN_FILTERED_JOBS);
    setText(count, rows.length === jobs.length ? `${jobs.length} jobs` : `${rows.length} of ${jobs.length} jobs`);
    drawChoice(jobs.map(({ label }) => label));
    baseline.value = String(base);
    kernel.draw(jobs.map(({ trouble }) => trouble));
    drawNotes(composeNotes(jobs, columns, traits.get("shared"), base));
    const ranking = traits.get("ranking").filter((row) => row !== null);
    const plain = new Set([...ranking.filter((row) => shown.has(row)).slice(0, MAX_PLAIN_JOBS), base]);
    // All jobs have a line, so that each keeps the style that it has in the table.
    charts.draw(
      metrics.map((metric) => ({
        ...metric,
        lines: metric.lines.map((line, row) => ({ ...line, isOptional: !plain.has(row) })),
      })),
      "",
      metrics.length || jobs.some(({ problem }) => problem) ? "" : "No metrics yet.",
    );
    parallel.draw(
      traits.get("parallel"),
      shown,
      jobs.map((_, row) => describeRow(columns, row)),
    );
  }

  filter.addEventListener("input", draw);
  filter.addEventListener("keydown", (event) => event.stopPropagation());
  baseline.addEventListener("change", () => model.send({ kind: "baseline", row: Number(baseline.value) }));
  const kernel = createKernelBanner(
    context,
    element,
    () => {
      baseline.disabled = kernel.hasEnded;
    },
    () => !traits.get("has_ended"),
  );
  const stop = traits.onChange(["jobs", "columns", "ranking", "baseline_row", "metrics", "parallel", "shared"], draw);
  const removeOffer = offerTab(context, tools);
  el.append(element);
  draw();
  return () => {
    stop();
    removeOffer();
    kernel.dispose();
    table.dispose();
    charts.dispose();
    parallel.dispose();
    element.remove();
  };
}

/** Return a job's arguments and metrics in a line. */
function describeRow(columns: readonly Column[], row: number): string {
  const parts = columns
    .filter(({ kind, cells }, index) => (index === 0 || kind !== "fact") && cells[row]?.value != null)
    .map(({ heading, cells }, index) => (index === 0 ? "" : `${heading} `) + (cells[row]?.text ?? ""));
  return parts.join(" · ");
}

function composeNotes(jobs: readonly Job[], columns: readonly Column[], shared: string, base: number): string[] {
  const hasBest = columns.some(({ cells }) => cells.some(({ isBest }) => isBest));
  const said = [
    ...(shared ? [`Same in all: ${shared}`] : []),
    ...(hasBest ? ["bold: best of all"] : []),
    ...(base >= 0 ? [`differences to ${jobs[base]?.label ?? "the baseline"}`] : []),
  ];
  return [...jobs.map(({ problem }) => problem), said.join(" · ")].filter(Boolean);
}

function readJobs(jobs: unknown): Job[] {
  return asRecords(jobs).map(({ label, trouble, problem }) => ({
    label: asText(label),
    trouble: withName(label, trouble),
    problem: withName(label, problem),
  }));
}

function withName(name: unknown, sentence: unknown): string {
  return asText(sentence) ? `${asText(name)}: ${asText(sentence, MAX_SENTENCE_CHARS)}` : "";
}
