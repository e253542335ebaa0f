/** The metrics section: a chart of each metric side by side, or a text while there are too few values for a line. */
import { type Chart, createChart } from "../../core/chart";
import { createCollapsible } from "../../core/collapsible";
import { h, setText, setVisible, whenChanged } from "../../core/dom";
import { createLinePicks, type LinePicks } from "../../core/line-picks";
import { smooth } from "../../core/smoothing";
import type { Metric } from "../metrics";

export interface MetricCharts {
  readonly element: HTMLElement;
  /**
   * Draw; drawing the same list again is free.
   *
   * @param hidden the metrics that are not in the list, in words
   * @param live a sentence on which metrics are live
   * @param isExpected if charts will be drawn: then they have their room before they have values, and nothing jumps
   */
  draw(metrics: readonly Metric[], hidden?: string, live?: string, isExpected?: boolean): void;
  dispose(): void;
}

const SECTION = "Metrics";
const LOG_SCALE = "log scale";
/** The name of each weight of the smoothing, lest it be a number to guess. */
const SMOOTHING = { none: 0, little: 0.6, medium: 0.9, strong: 0.97 } as const;
type Smoothing = keyof typeof SMOOTHING;
const ALL_METRICS = "all metrics";
/** Charts that are shown at once; the others are folded. The static form has the same limit. */
const MAX_OPEN_CHARTS = 4;
/** Height of the only chart, and of one among several. */
const HEIGHT_PX = 190;
const SMALL_HEIGHT_PX = 150;

/** @param openSections the open state of each section, of the logarithmic scale and of the lines */
export function createMetricCharts(openSections: Map<string, boolean>): MetricCharts {
  let latest: readonly Metric[] = [];
  let drawn: readonly Metric[] | undefined;
  const parts = new Map<string, MetricPart>();
  if (!openSections.has(SECTION)) openSections.set(SECTION, true);

  const logScaleBox = document.createElement("input");
  logScaleBox.type = "checkbox";
  logScaleBox.checked = openSections.get(LOG_SCALE) === true;
  const logScaleLabel = h("label", { class: "flw-metric-scale" }, logScaleBox, " logarithmic scale");
  const more = h("button", { class: "flw-link", type: "button" });
  const smoothingField = h("select", { class: "flw-choice" });
  for (const [index, level] of Object.keys(SMOOTHING).entries()) {
    const option = h("option", {}, level);
    option.value = level;
    option.selected = index === 0;
    smoothingField.append(option);
  }
  const smoothingLabel = h("label", { class: "flw-metric-scale" }, "smoothing ", smoothingField);
  const tools = h("div", { class: "flw-metric-tools" }, smoothingLabel, logScaleLabel, more);
  const grid = h("div", { class: "flw-metric-grid" });
  const rest = h("p", { class: "flw-more" });
  const room = h("p", { class: "flw-metric-room" }, "No value yet");
  const liveNote = h("p", { class: "flw-metric-note flw-live-metrics" });
  const markExpected = whenChanged((isExpected: boolean) => {
    section.element.classList.toggle("flw-metrics-expected", isExpected);
  });
  const picks = createLinePicks(openSections, redraw);
  const section = createCollapsible(SECTION, openSections, redraw);

  logScaleBox.addEventListener("change", () => {
    openSections.set(LOG_SCALE, logScaleBox.checked);
    redraw();
  });
  smoothingField.addEventListener("change", redraw);
  more.addEventListener("click", () => {
    openSections.set(ALL_METRICS, openSections.get(ALL_METRICS) !== true);
    redraw();
  });

  function redraw(): void {
    drawn = undefined;
    drawAll();
  }

  function drawAll(): void {
    if (!section.isOpen) {
      close();
      return;
    }
    if (latest === drawn) return;
    drawn = latest;
    if (grid.parentElement !== section.body) section.body.replaceChildren(tools, room, grid, rest, liveNote);
    drawTools();
    const isAll = openSections.get(ALL_METRICS) === true;
    const metrics = isAll ? latest : latest.slice(0, MAX_OPEN_CHARTS);
    const names = new Set(metrics.map(({ name }) => name));
    for (const [name, part] of parts) if (!names.has(name)) dispose(name, part);
    const isOnly = latest.length === 1;
    grid.classList.toggle("flw-metric-pairs", metrics.length === 2 || metrics.length === 4);
    metrics.forEach((metric, index) => {
      let part = parts.get(metric.name);
      // A chart has its height for good.
      if (part && part.isOnly !== isOnly) {
        dispose(metric.name, part);
        part = undefined;
      }
      if (!part) {
        part = createMetricPart(picks, isOnly);
        parts.set(metric.name, part);
      }
      if (grid.children[index] !== part.element) grid.insertBefore(part.element, grid.children[index] ?? null);
      part.draw(metric, logScaleBox.checked, smoothingField.value as Smoothing);
    });
  }

  function drawTools(): void {
    const charts = latest.filter(({ hasChart }) => hasChart);
    setVisible(logScaleLabel, charts.length > 0);
    setVisible(
      smoothingLabel,
      charts.some(({ xLabel }) => xLabel === "step"),
    );
    logScaleBox.disabled = charts.every(({ logScale }) => logScale === null);
    logScaleLabel.title = logScaleBox.disabled ? "No value is above 0: a logarithmic scale has no place for them" : "";
    const folded = latest.length - MAX_OPEN_CHARTS;
    setVisible(more, folded > 0);
    const words = folded === 1 ? "1 more metric" : `${folded} more metrics`;
    setText(more, openSections.get(ALL_METRICS) ? "show fewer metrics" : words);
    more.setAttribute("aria-expanded", String(openSections.get(ALL_METRICS) === true));
    setVisible(tools, charts.length > 0 || folded > 0);
  }

  function dispose(name: string, part: MetricPart): void {
    parts.delete(name);
    part.dispose();
  }

  function close(): void {
    for (const [name, part] of parts) dispose(name, part);
    drawn = undefined;
  }

  // A collapsed section is not drawn: it has just emptied itself.
  section.element.addEventListener("click", () => section.isOpen || close());

  return {
    element: section.element,
    draw(next, hidden = "", live = "", isExpected = false) {
      latest = next;
      markExpected(isExpected);
      setVisible(room, isExpected && next.length === 0);
      setText(rest, hidden);
      setVisible(rest, hidden !== "");
      setText(liveNote, live);
      setVisible(liveNote, live !== "");
      setVisible(section.element, next.length > 0 || live !== "" || isExpected);
      drawAll();
    },
    dispose: close,
  };
}

interface MetricPart {
  readonly element: HTMLElement;
  readonly isOnly: boolean;
  draw(metric: Metric, wantsLogScale: boolean, smoothing: Smoothing): void;
  dispose(): void;
}

function createMetricPart(picks: LinePicks, isOnly: boolean): MetricPart {
  let chart: Chart | undefined;
  let before: { readonly metric: Metric; readonly options: string } | undefined;
  const name = h("div", { class: "flw-metric-name" });
  const place = h("div", { class: "flw-metric-place" });
  place.style.setProperty("--flw-chart-height", `${isOnly ? HEIGHT_PX : SMALL_HEIGHT_PX}px`);
  const text = h("p", { class: "flw-metric-text" });
  const note = h("p", { class: "flw-metric-note" });
  const element = h("div", { class: "flw-metric" }, name, place, text, note);

  function drawChart(metric: Metric, wantsLogScale: boolean, smoothing: Smoothing): void {
    if (!chart) {
      chart = createChart({ height: isOnly ? HEIGHT_PX : SMALL_HEIGHT_PX, picks });
      place.replaceChildren(chart.element);
    }
    const isLogScale = wantsLogScale && metric.logScale !== null;
    // Only of many noisy steps: the value of a round is the one that counts.
    const weight = metric.xLabel === "step" ? SMOOTHING[smoothing] : 0;
    const notes = [
      metric.stride > 1 ? `one ${metric.xLabel} in ${metric.stride} is drawn` : "",
      weight ? "smoothed; CSV has the values" : "",
    ];
    chart.draw({
      label: `${metric.name} by ${metric.xLabel}`,
      xLabel: metric.xLabel,
      firstX: metric.firstX,
      lines: weight
        ? metric.lines.map((line) => ({ ...line, points: smooth(line.points, weight), values: line.points }))
        : metric.lines,
      band: metric.band,
      scale: isLogScale ? metric.logScale : metric.scale,
      isLogScale,
      hiddenCount: metric.hiddenSites,
      note: notes.filter(Boolean).join("; "),
      ...(metric.best ? { mark: { x: metric.best[0], y: metric.best[1], label: "best" } } : {}),
    });
  }

  return {
    element,
    isOnly,
    draw(metric, wantsLogScale, smoothing) {
      const shown = metric.lines.map((line) => picks.isShown(line));
      const options = JSON.stringify([wantsLogScale, smoothing, shown]);
      if (metric === before?.metric && options === before.options) return;
      before = { metric, options };
      setText(name, metric.name);
      setText(text, metric.text);
      setText(note, metric.note);
      setVisible(note, metric.note !== "");
      // Next to a chart the text is for screen readers only.
      text.classList.toggle("flw-spoken", metric.hasChart);
      if (metric.hasChart) drawChart(metric, wantsLogScale, smoothing);
      else {
        chart?.dispose();
        chart = undefined;
      }
    },
    dispose() {
      chart?.dispose();
      element.remove();
    },
  };
}
