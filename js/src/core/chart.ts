/**
 * A line chart over rounds, drawn by uPlot, whose legend shows the values under the pointer or keyboard cursor, and
 * hides and shows lines. Drag over it, or press plus, to zoom; double-click, or press minus or Escape, to see all.
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
import { createChartExport } from "./chart-export";
import { h, setText, setVisible } from "./dom";
import { createLinePicks, type LinePicks } from "./line-picks";
import { formatValue } from "./numbers";
import { fitScale, positionOn, positionTicks, type Scale } from "./scale";
import { COLOUR_COUNT, createBandSwatch, createSwatch, seriesStyle } from "./series-style";
import { sanitize } from "./text";
import { onThemeChange } from "./theme";

export interface ChartLine {
  readonly name: string;
  /** The name in the legend, if it is too long for it. */
  readonly label?: string;
  /**
   * Points in any order; of several with the same x, the last counts. A value that is not finite leaves a gap; an x
   * that only other lines have does not.
   */
  readonly points: readonly (readonly [x: number, y: number])[];
  /** The values behind the points, if these are smoothed: for whoever saves them. */
  readonly values?: readonly (readonly [x: number, y: number])[];
  /** Draw the line thick, as the one that the others are compared with. */
  readonly isBold?: boolean;
  /** Leave the line out until the reader picks it in the legend. */
  readonly isOptional?: boolean;
}

/** A filled band between two values at each x. */
export interface ChartBand {
  readonly name: string;
  readonly points: readonly (readonly [x: number, low: number, high: number])[];
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
  /** Where the x axis begins, with or without a value; at the first value if not given. */
  readonly firstX?: number | undefined;
  readonly band?: ChartBand | undefined;
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
/** Characters of a line's name. */
const MAX_NAME_CHARS = 120;
/** Markers along a line; more would overlap. */
const MAX_MARKERS_PER_LINE = 30;
/** Lines whose values a screen reader reads at each step. */
const MAX_SPOKEN_LINES = 6;
/** Distance from the highlighted point to the outside of its ring, and a little more. */
const MARKER_MARGIN_PX = 10;
/** Distance from a line within which the pointer selects it. */
const HOVER_DISTANCE_PX = 30;
/** Width of a selection from which on it is one. */
const MIN_DRAG_PX = 6;
/** Width of a label of the x axis, and the space around it. */
const X_LABEL_PX = 48;

type Columns = [number[], ...(number | null | undefined)[][]];

interface LegendEntry {
  readonly line: number;
  readonly element: HTMLElement;
  readonly value: HTMLElement;
}

export interface ChartOptions {
  readonly height?: number;
  /** The lines that are shown; without it, the chart remembers them itself. */
  readonly picks?: LinePicks;
}

export function createChart({ height = 190, picks: sharedPicks }: ChartOptions = {}): Chart {
  // To the keyboard the chart is a slider: arrows move along the rounds, and each stop has a description.
  const plot = h("div", { class: "flw-chart-plot" });
  plot.setAttribute("role", "slider");
  plot.setAttribute("tabindex", "0");
  plot.style.height = `${height}px`;
  const legend = h("ul", { class: "flw-legend", role: "list" });
  const note = h("p", { class: "flw-chart-note" });
  const colourSamples = Array.from({ length: COLOUR_COUNT }, (_, number) =>
    h("span", { class: `flw-series-${number}` }),
  );
  const samples = h("span", { class: "flw-colour-samples", "aria-hidden": "true" }, ...colourSamples);
  const saves = createChartExport({
    getData: () => data,
    getCanvas: () => plot.querySelector("canvas"),
    colourOf: (index) => (shown[index] ? colour(index) : ""),
    getElement: () => element,
  });
  const showAll = h("button", { class: "flw-link flw-show-all", type: "button" });
  setVisible(showAll, false);
  const foot = h("div", { class: "flw-chart-foot" }, note, showAll, saves);
  const element = h("div", { class: "flw-chart" }, plot, legend, foot, samples);
  const picks = sharedPicks ?? createLinePicks(new Map(), redraw);

  let data: ChartData | undefined;
  let columns: Columns = [[]];
  let shown: boolean[] = [];
  let entries: LegendEntry[] = [];
  let bandValue: HTMLElement | undefined;
  let uplot: uPlot | undefined;
  let layoutKey = "";
  let zoom: readonly [from: number, to: number] | undefined;
  let scale: Scale | null = null;
  let pointedIndex: number | null = null;
  let nearestLine: number | null = null;

  // -- drawing --------------------------------------------------------------------------------------------------

  function draw(next: ChartData): void {
    data = { ...next, lines: next.lines.map((line) => ({ ...line, name: sanitize(line.name, MAX_NAME_CHARS) })) };
    redraw();
  }

  function redraw(): void {
    if (!data) return;
    const { lines, isLogScale = false, band, hiddenCount = 0 } = data;
    shown = lines.map((line) => picks.isShown(line));
    columns = alignLines([...lines, ...bandLines(band)]);
    const [xs, ...rows] = columns;
    scale = (zoom && fitScale(zoomedValues(zoom), isLogScale)) || data.scale;
    setText(showAll, `show all ${data.xLabel}s`);
    setVisible(showAll, zoom !== undefined);
    // uPlot gets positions from 0 to 1, not values: its arithmetic overflows long before numbers do.
    const places = [xs, ...rows.map((row) => row.map((y) => (typeof y === "number" ? heightOf(y) : y)))];
    const nextLayoutKey = JSON.stringify([
      isLogScale,
      data.xLabel,
      hiddenCount,
      band !== undefined,
      lines.map(({ name, isBold }, index) => [name, isBold === true, shown[index]]),
    ]);
    plot.setAttribute("aria-label", sanitize(data.label));
    if (pointedIndex !== null && pointedIndex >= columns[0].length) pointedIndex = null;
    if (uplot && layoutKey === nextLayoutKey) {
      uplot.setData(places as uPlot.AlignedData);
      // uPlot sees the same range, 0 to 1, and would keep the labels of the previous values.
      uplot.redraw(true, true);
    } else {
      layoutKey = nextLayoutKey;
      drawLegend(lines, band, hiddenCount);
      uplot?.destroy();
      uplot = new uPlot(options(lines), places as uPlot.AlignedData, plot);
    }
    updateReadout();
  }

  function drawLegend(lines: readonly ChartLine[], band: ChartBand | undefined, hiddenCount: number): void {
    const focused = legend.contains(document.activeElement) ? document.activeElement : null;
    const focusedName = focused?.getAttribute("data-line");
    const listed = lines.map((_, index) => index).filter((index) => !lines[index]?.isOptional || shown[index]);
    entries = listed.slice(0, MAX_LEGEND_ENTRIES).map((index) => createEntry(lines[index], index));
    legend.replaceChildren(...entries.map((item) => item.element));
    bandValue = undefined;
    if (band) {
      bandValue = h("span", { class: "flw-legend-value" });
      const name = h("span", { class: "flw-legend-name" }, sanitize(band.name, 60));
      legend.append(h("li", { class: "flw-legend-item" }, createBandSwatch(), name, " ", bandValue));
    }
    const others = lines.filter((line, index) => line.isOptional && !shown[index]);
    if (others.length) legend.append(h("li", { class: "flw-legend-item" }, createPicker(others)));
    const more = listed.length - entries.length + hiddenCount;
    if (more > 0) legend.append(h("li", { class: "flw-legend-item" }, `and ${more} more`));
    if (!focused) return;
    const buttons = [...legend.querySelectorAll<HTMLElement>("[data-line]")];
    (buttons.find((button) => button.dataset["line"] === focusedName) ?? legend.querySelector("select"))?.focus();
  }

  function createEntry(line: ChartLine | undefined, index: number): LegendEntry {
    const { name = "", label: text = name, isBold = false } = line ?? {};
    const value = h("span", { class: "flw-legend-value" });
    const label = h("span", { class: "flw-legend-name" }, sanitize(text, MAX_NAME_CHARS));
    const button = h(
      "button",
      {
        class: "flw-legend-button",
        type: "button",
        title: `${name}: click to ${shown[index] ? "hide" : "show"}`,
        "aria-pressed": String(shown[index] === true),
        "data-line": name,
      },
      createSwatch(index, isBold),
      label,
      " ",
      value,
    );
    button.addEventListener("click", () => picks.set(name, !shown[index]));
    const item = h("li", { class: isBold ? "flw-legend-item flw-bold" : "flw-legend-item" }, button);
    return { line: index, element: item, value };
  }

  /** Create a list of the lines that the reader may add. */
  function createPicker(lines: readonly ChartLine[]): HTMLElement {
    const prompt = `show one of ${lines.length}…`;
    const picker = h("select", { class: "flw-choice flw-legend-picker", "aria-label": "show a line", "data-line": "" });
    picker.append(h("option", {}, prompt));
    for (const { name, label = name } of lines) {
      const option = h("option", { title: name }, sanitize(label, MAX_NAME_CHARS));
      option.value = name;
      picker.append(option);
    }
    picker.addEventListener("change", () => picker.selectedIndex > 0 && picks.set(picker.value, true));
    return picker;
  }

  function heightOf(value: number): number | null {
    return scale ? positionOn(scale, data?.isLogScale === true, value) : null;
  }

  /** Return the values of the shown lines in a part of the x axis. */
  function zoomedValues([from, to]: readonly [number, number]): number[] {
    const [xs, ...rows] = columns;
    return rows
      .filter((_, index) => shown[index] !== false)
      .flatMap((row) => row.filter((y, at) => typeof y === "number" && isBetween(xs[at], from, to)) as number[]);
  }

  /** Show a part of the x axis that has at least two positions, or all of it. */
  function zoomTo(range: readonly [number, number] | undefined): void {
    if (range && columns[0].filter((x) => isBetween(x, ...range)).length < 2) return;
    if (range === zoom) return;
    zoom = range;
    redraw();
  }

  function zoomIn(): void {
    const [from, to] = zoom ?? xEnds(columns[0], data?.firstX);
    const at = (pointedIndex === null ? undefined : columns[0][pointedIndex]) ?? to;
    const width = (to - from) / 2;
    const start = Math.min(Math.max(from, at - width / 2), to - width);
    zoomTo([start, start + width]);
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
      cursor: {
        y: false,
        drag: { x: true, y: false, setScale: false, dist: MIN_DRAG_PX },
        focus: { prox: HOVER_DISTANCE_PX },
        points: { size: 7 },
      },
      scales: {
        x: {
          time: false,
          range: (u) => (zoom ? [...zoom] : xRange(columns[0], data?.firstX, u.bbox.width / uPlot.pxRatio)),
        },
        y: { range: () => [0, 1] },
      },
      axes: [
        {
          ...axis,
          size: 26,
          splits: (u) => {
            const [first, last] = zoom ? [Math.ceil(zoom[0]), Math.floor(zoom[1])] : xEnds(columns[0], data?.firstX);
            return positionTicks(first, last, Math.max(2, Math.floor(u.bbox.width / uPlot.pxRatio / X_LABEL_PX)));
          },
          values: (_, at) => at.map(String),
          ticks: { show: false },
        },
        {
          ...axis,
          size: (_, labels) => 18 + 6.5 * Math.max(4, ...(labels ?? []).map(({ length }) => length)),
          splits: () => (scale?.ticks ?? []).map((value) => heightOf(value) ?? 0),
          values: () => [...(scale?.labels ?? [])],
          ticks: { show: false },
        },
      ],
      series: [
        {},
        ...lines.map((line, index) => ({
          label: line.name,
          show: shown[index] === true,
          stroke: () => colour(index),
          width: line.isBold ? 3 : 1.25,
          dash: [...seriesStyle(index).dash],
          points: { show: false },
        })),
        ...(data?.band ? ["highest", "lowest"] : []).map((label) => ({ label, width: 0, points: { show: false } })),
      ],
      ...(data?.band ? { bands: [{ series: [lines.length + 1, lines.length + 2], fill: bandColour }] } : {}),
      hooks: {
        draw: [drawMarkers],
        setSelect: [
          (u) => {
            const { left, width } = u.select;
            if (width < MIN_DRAG_PX) return;
            const range = [u.posToVal(left, "x"), u.posToVal(left + width, "x")] as const;
            u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            zoomTo(range);
          },
        ],
        setCursor: [({ cursor }) => point(cursor.idx ?? null)],
        setSeries: [
          (_, index) => {
            nearestLine = index === null || index > lines.length ? null : index - 1;
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
      if (!shown[index]) return;
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
    const sample = colourSamples[seriesStyle(index).colour];
    return sample ? getComputedStyle(sample).color : ink();
  }
  function bandColour(): string {
    return getComputedStyle(samples).color;
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
    for (const { line, value } of entries) setText(value, valueText(line, pointedIndex));
    if (bandValue)
      setText(
        bandValue,
        `${valueText(data.lines.length + 1, pointedIndex)} to ${valueText(data.lines.length, pointedIndex)}`,
      );
    const at = pointedIndex ?? xs.length - 1;
    const x = xs[at];
    const place = x === undefined ? "" : `${data.xLabel} ${x}`;
    const spoken = data.lines
      .map((line, index) => (shown[index] ? `${line.name} ${valueText(index, pointedIndex)}` : ""))
      .filter(Boolean)
      .slice(0, MAX_SPOKEN_LINES);
    if (data.band) spoken.push(`${sanitize(data.band.name, 60)} ${bandValue?.textContent ?? ""}`);
    plot.setAttribute("aria-valuemin", String(xs[0] ?? 0));
    plot.setAttribute("aria-valuemax", String(xs.at(-1) ?? 0));
    plot.setAttribute("aria-valuenow", String(x ?? 0));
    plot.setAttribute("aria-valuetext", [place, ...spoken].filter(Boolean).join(", "));
    const isListed = entries.some(({ line }) => line === nearestLine);
    const other = nearestLine !== null && !isListed ? data.lines[nearestLine] : undefined;
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

  showAll.addEventListener("click", () => {
    zoomTo(undefined);
    plot.focus();
  });
  plot.addEventListener("dblclick", () => zoomTo(undefined));
  plot.addEventListener("keydown", (event) => {
    const isOut = event.key === "-" || (event.key === "Escape" && pointedIndex === null);
    if (event.key === "+" || (isOut && zoom)) {
      event.preventDefault();
      event.stopPropagation();
      if (isOut) zoomTo(undefined);
      else zoomIn();
      return;
    }
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

/** Return the two ends of a band as lines, the highest values first. */
function bandLines(band: ChartBand | undefined): readonly ChartLine[] {
  if (!band) return [];
  return [
    { name: "highest", points: band.points.map(([x, , high]) => [x, high]) },
    { name: "lowest", points: band.points.map(([x, low]) => [x, low]) },
  ];
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

function isBetween(x: number | undefined, from: number, to: number): boolean {
  return x !== undefined && x >= from && x <= to;
}

/** Return the first and the last position of the x axis. */
function xEnds(xs: readonly number[], firstX: number | undefined): [first: number, last: number] {
  const [first, last] = [xs[0] ?? firstX ?? 0, xs.at(-1) ?? firstX ?? 0];
  return [Math.min(first, firstX ?? first), last];
}

/** Return the range of the x axis, with room at both ends: marks must not hide the labels of the values. */
function xRange(xs: readonly number[], firstX: number | undefined, width: number): [low: number, high: number] {
  const [first, last] = xEnds(xs, firstX);
  if (first === last) return [first - 0.5, last + 0.5];
  const room = ((last - first) * MARKER_MARGIN_PX) / Math.max(width - 2 * MARKER_MARGIN_PX, 10 * MARKER_MARGIN_PX);
  return [first - room, last + room];
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
