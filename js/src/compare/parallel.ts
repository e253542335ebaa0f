/**
 * Parallel coordinates: an axis for each argument and metric, a line for each job, the stronger the better. The static
 * form is drawn by flare_widgets/views/compare/charts.py.
 */
import { createCollapsible } from "../core/collapsible";
import { h, setText, setVisible, svg } from "../core/dom";
import type { Parallel } from "./view-model";

export interface ParallelPlot {
  readonly element: HTMLElement;
  /** @param labels what is said of each job when the pointer is on its line */
  draw(parallel: Parallel | null, shown: ReadonlySet<number>, labels: readonly string[]): void;
  /** Show one job before all others. */
  highlight(row: number | null): void;
  dispose(): void;
}

const HEIGHT_PX = 240;
const TOP_PX = 34;
const BOTTOM_PX = 12;
const SIDE_PX = 64;
const NARROW_PX = 400;
const NARROW_SIDE_PX = 44;
/** Room for an axis, below which the picture scrolls. */
const MIN_GAP_PX = 68;
const MAX_NAME_CHARS = 18;
const NAME_CHAR_PX = 7.5;
const SECTION = "Arguments and metrics";
const HINT = "A line a job, the stronger the better. Point at one to see which.";

/**
 * @param openSections the open state of each section
 * @param point called with the job under the pointer, or null
 */
export function createParallelPlot(
  openSections: Map<string, boolean>,
  point: (row: number | null) => void,
): ParallelPlot {
  const picture = h("div", { class: "flw-parallel-plot" });
  const readout = h("p", { class: "flw-parallel-note" });
  if (!openSections.has(SECTION)) openSections.set(SECTION, true);
  const section = createCollapsible(SECTION, openSections, redraw);
  let latest: { parallel: Parallel; shown: ReadonlySet<number>; labels: readonly string[] } | undefined;
  let drawn = "";
  let lines = new Map<number, SVGElement>();

  function redraw(): void {
    if (!latest || !section.isOpen) return;
    if (picture.parentElement !== section.body) section.body.replaceChildren(picture, readout);
    const { parallel, shown } = latest;
    const gapCount = Math.max(1, parallel.axes.length - 1);
    const room = picture.clientWidth || 640;
    const side = room < NARROW_PX ? NARROW_SIDE_PX : SIDE_PX;
    const width = Math.max(room, 2 * side + gapCount * MIN_GAP_PX);
    const key = JSON.stringify([parallel, [...shown], width]);
    if (key === drawn) return;
    drawn = key;
    const gap = (width - 2 * side) / gapCount;
    // As long as there is room on both sides of the axis.
    const nameChars = Math.floor(Math.min(gap, 2 * side) / NAME_CHAR_PX);
    const xOf = (place: number): number => side + place * gap;
    const yOf = (at: number): number => HEIGHT_PX - BOTTOM_PX - at * (HEIGHT_PX - TOP_PX - BOTTOM_PX);
    const rows = parallel.lines.map((_, row) => row).filter((row) => shown.has(row));
    const meritOf = (row: number): number => parallel.merits[row] ?? -1;
    const best = Math.max(...rows.map(meritOf));
    lines = new Map();
    const groups = [...rows]
      .sort((a, b) => meritOf(a) - meritOf(b))
      .map((row) => {
        const d = pathOf(parallel.lines[row] ?? [], xOf, yOf);
        const merit = parallel.merits[row] ?? null;
        const line = svg("path", {
          class: "flw-parallel-line",
          d,
          "stroke-width": best >= 0 && merit === best ? "2.5" : "1.25",
          "stroke-opacity": String(merit === null ? 0.5 : 0.2 + 0.8 * merit * merit),
        });
        // Wider than the line, or the pointer would hardly meet it.
        const target = svg("path", { class: "flw-parallel-target", d });
        target.addEventListener("pointerenter", () => point(row));
        lines.set(row, line);
        return svg("g", {}, line, target);
      });
    const axes = parallel.axes.map((axis, place) => {
      const x = String(xOf(place));
      const name = shorten(axis.name, nameChars);
      const head = svg("text", { class: "flw-axis-name", x, y: "14", "text-anchor": "middle" }, name);
      head.append(svg("title", {}, axis.name));
      return svg(
        "g",
        {},
        svg("line", { class: "flw-axis", x1: x, x2: x, y1: String(TOP_PX), y2: String(HEIGHT_PX - BOTTOM_PX) }),
        head,
        ...axis.ticks.map(([at, label]) =>
          svg("text", { class: "flw-axis-label", x: String(xOf(place) - 6), y: String(yOf(at) + 4) }, shorten(label)),
        ),
      );
    });
    const names = parallel.axes.map(({ name }) => name).join(", ");
    const drawing = svg(
      "svg",
      {
        width: String(width),
        height: String(HEIGHT_PX),
        role: "img",
        "aria-label": `Parallel coordinates of ${rows.length} jobs: ${names}. The table has the values.`,
      },
      ...groups,
      ...axes,
    );
    drawing.addEventListener("pointerleave", () => point(null));
    picture.replaceChildren(drawing);
    setText(readout, HINT);
  }

  const sizes = new ResizeObserver(redraw);
  sizes.observe(picture);

  return {
    element: section.element,
    draw(parallel, shown, labels) {
      setVisible(section.element, parallel !== null);
      latest = parallel ? { parallel, shown, labels } : undefined;
      redraw();
    },
    highlight(row) {
      for (const [one, line] of lines) {
        line.classList.toggle("flw-pointed", one === row);
        line.classList.toggle("flw-faint", row !== null && lines.has(row) && one !== row);
      }
      setText(readout, (row !== null && lines.has(row) && latest?.labels[row]) || HINT);
    },
    dispose: () => sizes.disconnect(),
  };
}

function pathOf(
  positions: readonly (number | null)[],
  xOf: (place: number) => number,
  yOf: (at: number) => number,
): string {
  let pen = "M";
  return positions
    .map((at, place) => {
      const step = at === null ? "" : `${pen}${xOf(place).toFixed(1)} ${yOf(at).toFixed(1)}`;
      pen = at === null ? "M" : "L";
      return step;
    })
    .join("");
}

function shorten(text: string, maxChars = MAX_NAME_CHARS): string {
  const most = Math.min(maxChars, MAX_NAME_CHARS);
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
