/** The browser's half of flare_widgets.views.compare.CompareView. */
import { createChart } from "../core/chart";
import { h, setText, setVisible, whenChanged } from "../core/dom";
import { type RenderContext, listen } from "../core/anywidget-model";
import { kernelBanner } from "../core/kernel-banner";
import { createSwatch } from "../core/series-style";
import { asRecords, asText, asTexts } from "../core/validate";
import { readMetrics } from "./view-model";

const DRAWN_TRAITS = ["jobs", "headings", "rows", "metrics", "differences"] as const;

export default { render };

function render({ model, el }: RenderContext): () => void {
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

  const drawTable = whenChanged(({ headings, rows }: { headings: string[]; rows: string[][] }) => {
    const head = h("thead", {}, h("tr", {}, ...headings.map((text) => h("th", { scope: "col" }, text))));
    const lines = rows.map(([name = "", ...cells], number) =>
      h("tr", {}, h("th", { scope: "row" }, createSwatch(number, false), " ", name), ...cells.map((cell) => h("td", {}, cell))),
    );
    table.replaceChildren(head, h("tbody", {}, ...lines));
  });

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
    const metrics = readMetrics(model.get("metrics"));
    const rows = readRows(model.get("rows"));
    drawTable({ headings: asTexts(model.get("headings")), rows });
    drawChoice(metrics.map(({ name }) => name));
    drawNotes(readNotes(model.get("jobs"), asTexts(model.get("differences")), metrics.length));
    const metric = metrics.find(({ name }) => name === choice.value) ?? metrics[0];
    setVisible(chooser, metric !== undefined);
    setVisible(chart.element, metric !== undefined);
    if (!metric) return;
    setText(direction, `over the rounds; ${metric.lowerIsBetter ? "less" : "more"} is better`);
    chart.draw({
      label: `${metric.name} of each job over the rounds`,
      xLabel: "round",
      // Also of a job without this metric: each keeps the look that it has in the table.
      lines: metric.lines.map((points, number) => ({ name: rows[number]?.[0] ?? "job", points })),
      ...(metric.best ? { mark: metric.best } : {}),
    });
  }

  choice.addEventListener("change", draw);
  const kernel = kernelBanner(model, element, () => {}, () => model.get("ended") !== true);
  const stop = listen(model, DRAWN_TRAITS.map((name) => `change:${name}`), draw);
  el.append(element);
  draw();
  return () => {
    stop();
    kernel.dispose();
    chart.dispose();
    element.remove();
  };
}

function readNotes(jobs: unknown, differences: readonly string[], metrics: number): string[] {
  const problems = asRecords(jobs).flatMap(({ label, trouble }) =>
    asText(trouble) ? [`${asText(label)}: ${asText(trouble, 500)}`] : [],
  );
  if (metrics === 0 && problems.length === 0) problems.push("No metrics yet.");
  return differences.length ? [...problems, `They differ in: ${differences.join(", ")}.`] : problems;
}

function readRows(value: unknown): string[][] {
  return Array.isArray(value) ? value.map((row) => asTexts(row)) : [];
}
