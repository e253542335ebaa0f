/** What a reader takes out of a chart: its values as CSV, and the chart as a PNG. Made in the browser. */
import type { ChartData } from "./chart";
import { h } from "./dom";
import { sanitize } from "./text";

/** A cell that begins with one of these is a formula to a spreadsheet. */
const FORMULA = /^[=+\-@\t\r]/u;
const MAX_FILE_NAME_CHARS = 80;
const MARGIN_PX = 12;
const LINE_PX = 18;
const FONT = "system-ui, sans-serif";

/** Return the values of a chart, a row for each x and a column for each line and end of its band. */
export function chartToCsv({ xLabel, lines, band }: Pick<ChartData, "xLabel" | "lines" | "band">): string {
  const columns = [
    ...lines.map(({ name, points, values = points }) => ({ name, values: new Map(values) })),
    ...(band
      ? [
          { name: `${band.name} (lowest)`, values: new Map(band.points.map(([x, low]) => [x, low])) },
          { name: `${band.name} (highest)`, values: new Map(band.points.map(([x, , high]) => [x, high])) },
        ]
      : []),
  ];
  const xs = [...new Set(columns.flatMap(({ values }) => [...values.keys()]))].sort((a, b) => a - b);
  const rows = xs.map((x) => [
    String(x),
    ...columns.map(({ values }) => {
      const value = values.get(x);
      return value !== undefined && Number.isFinite(value) ? String(value) : "";
    }),
  ]);
  const head = [xLabel, ...columns.map(({ name }) => name)].map(quoteCell);
  return [head, ...rows].map((cells) => `${cells.join(",")}\r\n`).join("");
}

/** Return a name as a cell: what is no plain word is quoted, and no cell is a formula. */
function quoteCell(text: string): string {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /^[\w .()/-]*$/u.test(safe) ? safe : `"${safe.replaceAll('"', '""')}"`;
}

/** Return a name for a file of a chart. */
export function exportName(label: string, suffix: string): string {
  const name = label.replace(/[^\p{L}\p{N}._-]+/gu, "-").replace(/^[-.]+|[-.]+$/gu, "");
  return `${name.slice(0, MAX_FILE_NAME_CHARS) || "chart"}.${suffix}`;
}

export interface ChartExportOptions {
  readonly getData: () => ChartData | undefined;
  readonly getCanvas: () => HTMLCanvasElement | null;
  /** Return the colour of the nth line; "" if it is not shown. */
  readonly colourOf: (index: number) => string;
  /** The element of the chart, of which colours are read. */
  readonly getElement: () => HTMLElement;
}

/** Create the buttons that save a chart. */
export function createChartExport(options: ChartExportOptions): HTMLElement {
  const csv = h("button", { class: "flw-chart-save", type: "button", title: "Save the values of this chart" }, "CSV");
  const png = h("button", { class: "flw-chart-save", type: "button", title: "Save this chart as a picture" }, "PNG");
  csv.addEventListener("click", () => {
    const data = options.getData();
    if (data) saveFile(new Blob([chartToCsv(data)], { type: "text/csv" }), exportName(data.label, "csv"));
  });
  png.addEventListener("click", () => {
    const data = options.getData();
    const canvas = data ? paint(data, options) : null;
    canvas?.toBlob((blob) => blob && data && saveFile(blob, exportName(data.label, "png")), "image/png");
  });
  return h("div", { class: "flw-chart-saves", role: "group", "aria-label": "save the chart" }, csv, png);
}

/** Have the browser save a file. */
function saveFile(content: Blob, name: string): void {
  const url = URL.createObjectURL(content);
  const link = h("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

/** Paint the chart with its title and a legend, on the colours of the page. */
function paint(data: ChartData, options: ChartExportOptions): HTMLCanvasElement | null {
  const source = options.getCanvas();
  const element = options.getElement();
  const style = getComputedStyle(element.closest(".flw-live") ?? element);
  const target = document.createElement("canvas");
  const context = target.getContext("2d");
  if (!source || !context) return null;
  const ratio = source.clientWidth ? source.width / source.clientWidth : 1;
  const width = source.width / ratio + 2 * MARGIN_PX;
  const shown = data.lines.flatMap(({ name }, index) => {
    const colour = options.colourOf(index);
    return colour ? [{ name: sanitize(name, 60), colour }] : [];
  });
  context.font = `12px ${FONT}`;
  const placed = placeLegend(shown, width - 2 * MARGIN_PX, (text) => context.measureText(text).width);
  const legendTop = MARGIN_PX + LINE_PX + source.height / ratio + LINE_PX;
  const height = legendTop + LINE_PX * (placed.at(-1)?.row ?? -1) + MARGIN_PX;
  target.width = Math.round(width * ratio);
  target.height = Math.round(height * ratio);
  context.scale(ratio, ratio);
  context.fillStyle = style.backgroundColor;
  context.fillRect(0, 0, width, height);
  context.fillStyle = style.color;
  context.font = `600 13px ${FONT}`;
  context.fillText(sanitize(data.label, 100), MARGIN_PX, MARGIN_PX + 10);
  context.drawImage(source, MARGIN_PX, MARGIN_PX + LINE_PX, source.width / ratio, source.height / ratio);
  context.font = `12px ${FONT}`;
  for (const { name, colour, left, row } of placed) {
    const y = legendTop + row * LINE_PX;
    context.fillStyle = colour;
    context.fillRect(MARGIN_PX + left, y - 5, 16, 3);
    context.fillStyle = style.color;
    context.fillText(name, MARGIN_PX + left + 22, y);
  }
  return target;
}

interface LegendPlace {
  readonly name: string;
  readonly colour: string;
  readonly left: number;
  readonly row: number;
}

function placeLegend(
  entries: readonly { readonly name: string; readonly colour: string }[],
  width: number,
  measure: (text: string) => number,
): LegendPlace[] {
  let left = 0;
  let row = 0;
  return entries.map(({ name, colour }) => {
    const needed = measure(name) + 40;
    if (left && left + needed > width) {
      left = 0;
      row++;
    }
    const place = { name, colour, left, row };
    left += needed;
    return place;
  });
}
