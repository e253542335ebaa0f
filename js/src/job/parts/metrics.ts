/** The metrics: one of them as a chart, chosen by the reader; in words while there is not enough for a line. */
import { type Chart, chart } from "../../core/chart";
import { h, setText, show } from "../../core/dom";
import { fold } from "../../core/collapsible";
import type { Metric } from "../metrics";

export interface MetricCharts {
  readonly element: HTMLElement;
  /** Draw; the same list again costs nothing. */
  draw(metrics: readonly Metric[]): void;
  dispose(): void;
}

const NAME = "Metrics";
const LOG = "log scale";

/**
 * @param memory which sections are unfolded, and whether the scale is logarithmic
 * @param chosen what was chosen to see, by the name of the choice
 */
export function metricCharts(memory: Map<string, boolean>, chosen: Map<string, string>): MetricCharts {
  let latest: readonly Metric[] = [];
  let drawn: readonly Metric[] | undefined;
  let picture: Chart | undefined;
  if (!memory.has(NAME)) memory.set(NAME, true);

  const choice = h("select", { class: "flw-choice", "aria-label": "metric" });
  const only = h("span", { class: "flw-metric-name" });
  const box = document.createElement("input");
  box.type = "checkbox";
  box.checked = memory.get(LOG) === true;
  const scale = h("label", { class: "flw-metric-scale" }, box, " logarithmic scale");
  const words = h("p", { class: "flw-metric-words" });
  const place = h("div", {});
  const tools = h("div", { class: "flw-metric-tools" }, only, choice, scale);
  const section = fold(NAME, memory, () => {
    drawn = undefined;
    drawAll();
  });

  choice.addEventListener("change", () => {
    chosen.set(NAME, choice.value);
    drawn = undefined;
    drawAll();
  });
  box.addEventListener("change", () => {
    memory.set(LOG, box.checked);
    drawn = undefined;
    drawAll();
  });

  function drawAll(): void {
    if (!section.open || !latest.length) {
      close();
      return;
    }
    if (latest === drawn) return;
    drawn = latest;
    const metric = latest.find(({ name }) => name === chosen.get(NAME)) ?? latest[0];
    if (!metric) return;
    if (!tools.isConnected || tools.parentElement !== section.body) section.body.replaceChildren(tools, place, words);
    drawTools(metric);
    setText(words, metric.words);
    // Hidden where the chart says it, but for who hears the page it stays.
    words.classList.toggle("flw-spoken", metric.drawable);
    if (!metric.drawable) {
      closeChart();
      return;
    }
    if (!picture) {
      picture = chart();
      place.replaceChildren(picture.element);
    }
    picture.draw({
      label: `${metric.name} by round`,
      xLabel: "round",
      lines: metric.lines,
      log: box.checked && positive(metric),
      more: metric.more,
      note: metric.every > 1 ? `one round in ${metric.every} is drawn` : "",
      ...(metric.best ? { mark: { x: metric.best[0], y: metric.best[1], words: "best" } } : {}),
    });
  }

  function drawTools(metric: Metric): void {
    const names = latest.map(({ name }) => name);
    if (JSON.stringify([...choice.options].map(({ value }) => value)) !== JSON.stringify(names)) {
      choice.replaceChildren(...names.map(option));
    }
    choice.value = metric.name;
    setText(only, metric.name);
    show(only, names.length < 2);
    show(choice, names.length > 1);
    show(scale, metric.drawable);
    box.disabled = !positive(metric);
    scale.title = box.disabled ? "No value is above 0: a logarithmic scale has no place for them" : "";
  }

  function closeChart(): void {
    picture?.dispose();
    picture = undefined;
  }

  function close(): void {
    closeChart();
    drawn = undefined;
  }

  // What is folded is not drawn: the section has just emptied itself.
  section.element.addEventListener("click", () => section.open || close());

  return {
    element: section.element,
    draw(next) {
      latest = next;
      show(section.element, next.length > 0);
      drawAll();
    },
    dispose: close,
  };
}

function option(name: string): HTMLOptionElement {
  const element = h("option", {}, name);
  element.value = name;
  return element;
}

function positive({ lines }: Metric): boolean {
  return lines.some(({ points }) => points.some(([, value]) => value > 0));
}
