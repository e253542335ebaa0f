/**
 * A line chart over rounds, drawn by uPlot, whose legend shows the values under the pointer or keyboard cursor.
 *
 *     const chart = createChart();
 *     element.append(chart.element);
 *     chart.draw({ label: "accuracy", xLabel: "round", lines, scale });
 *     ...
 *     chart.dispose();
 *
 * The element must be inside a view (`.flw-live`) whose style sheet imports chart-base.css and chart.css.
 */
import uPlot from "uplot";
import { h, setText, setVisible } from "./dom";
import { formatValue } from "./numbers";
import { positionOn, type Scale } from "./scale";
import { createSwatch, seriesStyle } from "./series-style";
import { sanitize } from "./text";
import { onThemeChange } from "./theme";

export interface ChartLine {
  readonly name: string;
  /**
   * Points in any order; of several with the same x, the last counts. A value that is not finite leaves a gap; an x
   * that only other lines have does not.
   */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** Draw the line thick, as the one that the others are compared with. */
  readonly isBold?: boolean;
}

export interface ChartData {
  /** Accessible name of the chart. */
  readonly label: string;
  /** Name of the x axis: `round`. */
  readonly xLabel: string;
  readonly lines: readonly ChartLine[];
  /** The scale of the values; null if there is none to show. */
  readonly scale: Scale | null;
  /** Use it as a logarithmic scale, on which values that are not above 0 are gaps. */
  readonly isLogScale?: boolean;
  /** A point to highlight, and its label: `best`. */
  readonly mark?: { readonly x: number; readonly y: number; readonly label: string };
  /** Number of further lines, which are not drawn. */
  readonly hiddenCount?: number;
  /** A sentence below the chart. */
  readonly note?: string;
}

export interface Chart {
  readonly element: HTMLElement;
  draw(picture: ChartData): void;
  dispose(): void;
}

/** Lines with a legend entry of their own; of the others, the one nearest to the pointer is named. */
const MAX_LEGEND_ENTRIES = 12;
/** Markers along a line; more would overlap. */
const MAX_MARKERS_PER_LINE = 30;
/** Lines whose values a screen reader reads at each step. */
const MAX_SPOKEN_LINES = 6;
/** Distance from the highlighted point to the outside of its ring, and a little more. */
const MARKER_MARGIN_PX = 10;
/** Distance from a line within which the pointer selects it. */
const HOVER_DISTANCE_PX = 30;
/** Tick increments of the x axis: whole numbers, since rounds are. */
const INCREMENTS = Array.from({ length: 9 }, (_, power) => [1, 2, 5].map((factor) => factor * 10 ** power)).flat();

type Columns = [number[], ...(number | null | undefined)[][]];

interface LegendEntry {
  readonly element: HTMLElement;
  readonly sample: Element;
  readonly value: HTMLElement;
}

export function createChart({ height = 190 }: { readonly height?: number } = {}): Chart {
  // To the keyboard the chart is a slider: arrows move along the rounds, and each stop has a description.
  const plot = h("div", { class: "flw-chart-plot" });
  plot.setAttribute("role", "slider");
  plot.setAttribute("tabindex", "0");
  plot.style.height = `${height}px`;
  const legend = h("ul", { class: "flw-legend", role: "list" });
  const note = h("p", { class: "flw-chart-note" });
  const element = h("div", { class: "flw-chart" }, plot, legend, note);

  let data: ChartData | undefined;
  let columns: Columns = [[]];
  let entries: LegendEntry[] = [];
  let uplot: uPlot | undefined;
  let layoutKey = "";
  let pointedIndex: number | null = null;
  let nearestLine: number | null = null;

  // -- drawing --------------------------------------------------------------------------------------------------

  function draw(next: ChartData): void {
    data = { ...next, lines: next.lines.map((line) => ({ ...line, name: sanitize(line.name, 60) })) };
    const { lines, isLogScale = false } = data;
    columns = alignLines(lines);
    const [xs, ...rows] = columns;
    // uPlot gets positions from 0 to 1, not values: its arithmetic overflows long before numbers do.
    const places = [xs, ...rows.map((row) => row.map((y) => (typeof y === "number" ? heightOf(y) : y)))];
    const nextLayoutKey = JSON.stringify([
      isLogScale,
      data.xLabel,
      next.hiddenCount ?? 0,
      lines.map(({ name, isBold }) => [name, isBold === true]),
    ]);
    plot.setAttribute("aria-label", sanitize(next.label));
    if (pointedIndex !== null && pointedIndex >= columns[0].length) pointedIndex = null;
    if (uplot && layoutKey === nextLayoutKey) {
      uplot.setData(places as uPlot.AlignedData);
      // uPlot sees the same range, 0 to 1, and would keep the labels of the previous values.
      uplot.redraw(true, true);
    } else {
      layoutKey = nextLayoutKey;
      entries = lines.slice(0, MAX_LEGEND_ENTRIES).map(createLegendEntry);
      const more = lines.length - entries.length + (next.hiddenCount ?? 0);
      legend.replaceChildren(...entries.map((item) => item.element));
      if (more > 0) legend.append(h("li", { class: "flw-legend-item" }, `and ${more} more`));
      uplot?.destroy();
      uplot = new uPlot(options(lines), places as uPlot.AlignedData, plot);
    }
    updateReadout();
  }

  function heightOf(value: number): number | null {
    return data?.scale ? positionOn(data.scale, data.isLogScale === true, value) : null;
  }

  function options(lines: readonly ChartLine[]): uPlot.Options {
    const axis = { stroke: ink, font: "11px system-ui, sans-serif", grid: { stroke: gridColour, width: 1 } };
    return {
      width: plot.clientWidth || 300,
      height,
      // Leave room for a marker at the edge; the axes are below and on the left.
      padding: [MARKER_MARGIN_PX, MARKER_MARGIN_PX, null, null],
      legend: { show: false },
      // Do not dim other lines: the line near the pointer is named instead.
      focus: { alpha: 1 },
      cursor: { y: false, drag: { x: false, y: false }, focus: { prox: HOVER_DISTANCE_PX }, points: { size: 7 } },
      scales: {
        x: { time: false, range: () => xRange(columns[0]) },
        y: { range: () => [0, 1] },
      },
      axes: [
        { ...axis, size: 26, incrs: INCREMENTS, values: (_, at) => at.map(String), ticks: { show: false } },
        {
          ...axis,
          size: (_, labels) => 18 + 6.5 * Math.max(4, ...(labels ?? []).map(({ length }) => length)),
          splits: () => (data?.scale?.ticks ?? []).map((value) => heightOf(value) ?? 0),
          values: () => [...(data?.scale?.labels ?? [])],
          ticks: { show: false },
        },
      ],
      series: [
        {},
        ...lines.map((line, index) => ({
          label: line.name,
          stroke: () => colour(index),
          width: line.isBold ? 3 : 1.25,
          dash: [...seriesStyle(index).dash],
          points: { show: false },
        })),
      ],
      hooks: {
        draw: [drawMarkers],
        setCursor: [({ cursor }) => point(cursor.idx ?? null)],
        setSeries: [
          (_, index) => {
            nearestLine = index === null ? null : index - 1;
            updateReadout();
          },
        ],
      },
    };
  }

  function drawMarkers(u: uPlot): void {
    const { ctx, bbox } = u;
    const ratio = uPlot.pxRatio;
    ctx.save();
    ctx.beginPath();
    // Markers may reach over the edge, or the first and the last would be cut in half.
    const over = MARKER_MARGIN_PX * ratio;
    ctx.rect(bbox.left - over, bbox.top - over, bbox.width + 2 * over, bbox.height + 2 * over);
    ctx.clip();
    const stamp = (x: number, y: number, paint: () => void): void => {
      const place = heightOf(y);
      if (place === null) return;
      ctx.save();
      ctx.translate(u.valToPos(x, "x", true), u.valToPos(place, "y", true));
      ctx.scale(ratio, ratio);
      paint();
      ctx.restore();
    };
    const [xs, ...rows] = columns;
    const stride = Math.ceil(xs.length / MAX_MARKERS_PER_LINE);
    rows.forEach((row, index) => {
      const shape = new Path2D(seriesStyle(index).shape);
      const size = data?.lines[index]?.isBold ? 1.1 : 0.8;
      ctx.fillStyle = colour(index);
      row.forEach((y, at) => {
        const x = xs[at];
        if (x === undefined || typeof y !== "number" || (at % stride && at !== xs.length - 1)) return;
        stamp(x, y, () => {
          ctx.scale(size, size);
          ctx.fill(shape);
        });
      });
    });
    const mark = data?.mark;
    if (mark && Number.isFinite(mark.x)) {
      ctx.strokeStyle = getComputedStyle(element.parentElement ?? element).color;
      ctx.lineWidth = 1.5;
      ctx.setLineDash([]);
      stamp(mark.x, mark.y, () => {
        ctx.beginPath();
        ctx.arc(0, 0, 8, 0, 2 * Math.PI);
        ctx.stroke();
      });
    }
    ctx.restore();
  }

  // A canvas knows no CSS variables, so the colours are read from elements of the page.
  function colour(index: number): string {
    const sample = entries[index % Math.max(1, entries.length)]?.sample;
    return sample ? getComputedStyle(sample).color : ink();
  }
  function ink(): string {
    return getComputedStyle(plot).color;
  }
  function gridColour(): string {
    return getComputedStyle(plot).columnRuleColor;
  }

  // -- readout --------------------------------------------------------------------------------------------------

  function point(index: number | null): void {
    pointedIndex = index;
    updateReadout();
  }

  /** Show the values at the pointer, or else the last ones. */
  function updateReadout(): void {
    if (!data) return;
    const [xs, ...rows] = columns;
    const valueText = (index: number, position: number | null): string => {
      const row = rows[index] ?? [];
      const y = position === null ? row.filter((value) => typeof value === "number").at(-1) : row[position];
      return typeof y === "number" ? formatValue(y) : position === null ? "no value" : "–";
    };
    entries.forEach((entry, index) => setText(entry.value, valueText(index, pointedIndex)));
    const at = pointedIndex ?? xs.length - 1;
    const x = xs[at];
    const place = x === undefined ? "" : `${data.xLabel} ${x}`;
    const spoken = data.lines
      .slice(0, MAX_SPOKEN_LINES)
      .map((line, index) => `${line.name} ${valueText(index, pointedIndex)}`);
    plot.setAttribute("aria-valuemin", String(xs[0] ?? 0));
    plot.setAttribute("aria-valuemax", String(xs.at(-1) ?? 0));
    plot.setAttribute("aria-valuenow", String(x ?? 0));
    plot.setAttribute("aria-valuetext", [place, ...spoken].filter(Boolean).join(", "));
    const other = nearestLine !== null && nearestLine >= entries.length ? data.lines[nearestLine] : undefined;
    const parts =
      pointedIndex === null
        ? [markText(data), omittedText(data), sanitize(data.note ?? "")]
        : [
            place,
            other && nearestLine !== null ? `${other.name} ${valueText(nearestLine, pointedIndex)}` : "",
            markText(data),
          ];
    setText(note, parts.filter(Boolean).join(" · "));
    setVisible(legend, data.lines.length > 0);
  }

  function markText({ mark, xLabel }: ChartData): string {
    return mark ? `◯ ${sanitize(mark.label, 60)}: ${xLabel} ${mark.x}, ${formatValue(mark.y)}` : "";
  }

  // -- keyboard, size, theme ------------------------------------------------------------------------------------

  plot.addEventListener("keydown", (event) => {
    const last = columns[0].length - 1;
    const from = pointedIndex ?? last;
    const steps: Readonly<Record<string, number | null>> = {
      ArrowLeft: Math.max(0, pointedIndex === null ? last : from - 1),
      ArrowRight: Math.min(last, from + 1),
      Home: 0,
      End: last,
      Escape: null,
    };
    const to = steps[event.key];
    if (to === undefined || (to === null && pointedIndex === null) || last < 0) return;
    event.preventDefault();
    event.stopPropagation();
    moveTo(to);
  });
  plot.addEventListener("blur", () => moveTo(null));

  function moveTo(index: number | null): void {
    nearestLine = null;
    const x = index === null ? undefined : columns[0][index];
    const left = x === undefined || !uplot ? -10 : uplot.valToPos(x, "x");
    // Without the hook, which would derive the position from rounded pixels.
    uplot?.setCursor({ left, top: left < 0 ? -10 : 0 }, false);
    point(index);
  }

  const sizes = new ResizeObserver(() => {
    const width = plot.clientWidth;
    if (!width || !uplot) return;
    uplot.setSize({ width, height });
    uplot.redraw(false, true);
  });
  sizes.observe(plot);
  const stopThemes = onThemeChange(() => uplot?.redraw(false, true));

  return {
    element,
    draw,
    dispose() {
      sizes.disconnect();
      stopThemes();
      uplot?.destroy();
      uplot = undefined;
      element.remove();
    },
  };
}

function createLegendEntry(line: ChartLine, index: number): LegendEntry {
  const sample = createSwatch(index, line.isBold === true);
  const value = h("span", { class: "flw-legend-value" });
  const name = h("span", { class: "flw-legend-name" }, line.name);
  const element = h("li", { class: line.isBold ? "flw-legend-item flw-bold" : "flw-legend-item" });
  element.append(sample, name, " ", value);
  return { element, sample, value };
}

/** Align all lines on the union of their x values; null is a gap, undefined is skipped. */
function alignLines(lines: readonly ChartLine[]): Columns {
  const maps = lines.map(
    ({ points }) =>
      new Map(points.filter(([x]) => Number.isFinite(x)).map(([x, y]) => [x, Number.isFinite(y) ? y : null])),
  );
  const xs = [...new Set(maps.flatMap((map) => [...map.keys()]))].sort((a, b) => a - b);
  return [xs, ...maps.map((map) => xs.map((x) => map.get(x)))];
}

/** Return the range of the x axis; a single value is centred. */
function xRange(xs: readonly number[]): [low: number, high: number] {
  const [low, high] = [xs[0] ?? 0, xs.at(-1) ?? 0];
  return low === high ? [low - 0.5, high + 0.5] : [low, high];
}

/** Return a sentence with the number of values that a logarithmic scale cannot show. */
function omittedText({ lines, isLogScale = false }: ChartData): string {
  const left = isLogScale
    ? lines.flatMap(({ points }) => points).filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y) && y <= 0)
    : [];
  if (!left.length) return "";
  return left.length === 1
    ? "1 value is not above 0: a logarithmic scale has no place for it"
    : `${left.length} values are not above 0: a logarithmic scale has no place for them`;
}
