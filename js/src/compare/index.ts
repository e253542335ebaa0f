/** The browser's half of flare_widgets.views.compare.CompareView. */
import { chart } from "../core/chart";
import { h, setText, show, whenChanged } from "../core/dom";
import { type RenderContext, listen } from "../core/anywidget-model";
import { kernelNote } from "../core/kernel-banner";
import { swatch } from "../core/series-style";
import { list, text, texts } from "../core/validate";
import { readMetrics } from "./view-model";

const TRAITS = ["jobs", "headings", "rows", "metrics", "differences"] as const;

export default { render };

function render({ model, el }: RenderContext): () => void {
  const table = h("table");
  const choice = h("select", { class: "flw-metric", "aria-label": "metric" });
  const better = h("span");
  const chooser = h("div", { class: "flw-metric-line" }, choice, better);
  const picture = chart({ height: 220 });
  const notes = h("div");
  const element = h(
    "div",
    { class: "flw-compare flw-live", role: "group", "aria-label": "jobs compared" },
    h("div", { class: "flw-table", tabindex: "0", role: "region", "aria-label": "table of the jobs" }, table),
    chooser,
    picture.element,
    notes,
  );

  const drawTable = whenChanged(({ headings, rows }: { headings: string[]; rows: string[][] }) => {
    const head = h("thead", {}, h("tr", {}, ...headings.map((text) => h("th", { scope: "col" }, text))));
    const lines = rows.map(([name = "", ...cells], number) =>
      h("tr", {}, h("th", { scope: "row" }, swatch(number, false), " ", name), ...cells.map((cell) => h("td", {}, cell))),
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

  const drawNotes = whenChanged((said: string[]) => {
    notes.replaceChildren(...said.map((text) => h("p", { class: "flw-note" }, text)));
  });

  function draw(): void {
    const metrics = readMetrics(model.get("metrics"));
    const rows = rowsOf(model.get("rows"));
    drawTable({ headings: texts(model.get("headings")), rows });
    drawChoice(metrics.map(({ name }) => name));
    drawNotes(notesOf(model.get("jobs"), texts(model.get("differences")), metrics.length));
    const metric = metrics.find(({ name }) => name === choice.value) ?? metrics[0];
    show(chooser, metric !== undefined);
    show(picture.element, metric !== undefined);
    if (!metric) return;
    setText(better, `over the rounds; ${metric.smaller ? "less" : "more"} is better`);
    picture.draw({
      label: `${metric.name} of each job over the rounds`,
      xLabel: "round",
      // Also of a job without this metric: each keeps the look that it has in the table.
      lines: metric.lines.map((points, number) => ({ name: rows[number]?.[0] ?? "job", points })),
      ...(metric.best ? { mark: metric.best } : {}),
    });
  }

  choice.addEventListener("change", draw);
  const kernel = kernelNote(model, element, () => {}, () => model.get("ended") !== true);
  const stop = listen(model, TRAITS.map((name) => `change:${name}`), draw);
  el.append(element);
  draw();
  return () => {
    stop();
    kernel.dispose();
    picture.dispose();
    element.remove();
  };
}

function notesOf(jobs: unknown, differences: readonly string[], metrics: number): string[] {
  const troubles = list(jobs).flatMap(({ label, trouble }) =>
    text(trouble) ? [`${text(label)}: ${text(trouble, 500)}`] : [],
  );
  if (metrics === 0 && troubles.length === 0) troubles.push("No metrics yet.");
  return differences.length ? [...troubles, `They differ in: ${differences.join(", ")}.`] : troubles;
}

function rowsOf(value: unknown): string[][] {
  return Array.isArray(value) ? value.map((row) => texts(row)) : [];
}
