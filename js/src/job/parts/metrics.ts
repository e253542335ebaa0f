/** The metrics section: a chart of the chosen metric, or a text while there are too few values for a line. */
import { type Chart, createChart } from "../../core/chart";
import { createCollapsible } from "../../core/collapsible";
import { h, setText, setVisible } from "../../core/dom";
import type { Metric } from "../metrics";

export interface MetricCharts {
  readonly element: HTMLElement;
  /**
   * Draw; drawing the same list again is free.
   *
   * @param hidden the metrics that are not in the list, in words
   */
  draw(metrics: readonly Metric[], hidden?: string): void;
  dispose(): void;
}

const SECTION = "Metrics";
const LOG_SCALE = "log scale";

/**
 * @param openSections the open state of each section, and that of the logarithmic scale
 * @param choices the chosen value of each choice by name
 */
export function createMetricCharts(openSections: Map<string, boolean>, choices: Map<string, string>): MetricCharts {
  let latest: readonly Metric[] = [];
  let drawn: readonly Metric[] | undefined;
  let chart: Chart | undefined;
  if (!openSections.has(SECTION)) openSections.set(SECTION, true);

  const choice = h("select", { class: "flw-choice", "aria-label": "metric" });
  const singleName = h("span", { class: "flw-metric-name" });
  const logScaleBox = document.createElement("input");
  logScaleBox.type = "checkbox";
  logScaleBox.checked = openSections.get(LOG_SCALE) === true;
  const logScaleLabel = h("label", { class: "flw-metric-scale" }, logScaleBox, " logarithmic scale");
  const text = h("p", { class: "flw-metric-text" });
  const note = h("p", { class: "flw-metric-note" });
  const rest = h("p", { class: "flw-more" });
  const place = h("div", {});
  const tools = h("div", { class: "flw-metric-tools" }, singleName, choice, logScaleLabel);
  const section = createCollapsible(SECTION, openSections, () => {
    drawn = undefined;
    drawAll();
  });

  choice.addEventListener("change", () => {
    choices.set(SECTION, choice.value);
    drawn = undefined;
    drawAll();
  });
  logScaleBox.addEventListener("change", () => {
    openSections.set(LOG_SCALE, logScaleBox.checked);
    drawn = undefined;
    drawAll();
  });

  function drawAll(): void {
    if (!section.isOpen || !latest.length) {
      close();
      return;
    }
    if (latest === drawn) return;
    drawn = latest;
    const metric = latest.find(({ name }) => name === choices.get(SECTION)) ?? latest[0];
    if (!metric) return;
    if (!tools.isConnected || tools.parentElement !== section.body)
      section.body.replaceChildren(tools, place, text, note, rest);
    drawTools(metric);
    setText(text, metric.text);
    setText(note, metric.note);
    setVisible(note, metric.note !== "");
    // Next to a chart the text is for screen readers only.
    text.classList.toggle("flw-spoken", metric.hasChart);
    if (!metric.hasChart) {
      closeChart();
      return;
    }
    if (!chart) {
      chart = createChart();
      place.replaceChildren(chart.element);
    }
    const isLogScale = logScaleBox.checked && metric.logScale !== null;
    chart.draw({
      label: `${metric.name} by ${metric.xLabel}`,
      xLabel: metric.xLabel,
      lines: metric.lines,
      scale: isLogScale ? metric.logScale : metric.scale,
      isLogScale,
      hiddenCount: metric.hiddenSites,
      note: metric.stride > 1 ? `one ${metric.xLabel} in ${metric.stride} is drawn` : "",
      ...(metric.best ? { mark: { x: metric.best[0], y: metric.best[1], label: "best" } } : {}),
    });
  }

  function drawTools(metric: Metric): void {
    const names = latest.map(({ name }) => name);
    if (JSON.stringify([...choice.options].map(({ value }) => value)) !== JSON.stringify(names)) {
      choice.replaceChildren(...names.map(createOption));
    }
    choice.value = metric.name;
    setText(singleName, metric.name);
    setVisible(singleName, names.length < 2);
    setVisible(choice, names.length > 1);
    setVisible(logScaleLabel, metric.hasChart);
    logScaleBox.disabled = metric.logScale === null;
    logScaleLabel.title = logScaleBox.disabled ? "No value is above 0: a logarithmic scale has no place for them" : "";
  }

  function closeChart(): void {
    chart?.dispose();
    chart = undefined;
  }

  function close(): void {
    closeChart();
    drawn = undefined;
  }

  // A collapsed section is not drawn: it has just emptied itself.
  section.element.addEventListener("click", () => section.isOpen || close());

  return {
    element: section.element,
    draw(next, hidden = "") {
      latest = next;
      setText(rest, hidden);
      setVisible(rest, hidden !== "");
      setVisible(section.element, next.length > 0);
      drawAll();
    },
    dispose: close,
  };
}

function createOption(name: string): HTMLOptionElement {
  const element = h("option", {}, name);
  element.value = name;
  return element;
}
