/**
 * Styles that distinguish the lines of a chart without relying on colour: dash patterns and marker shapes, the same as
 * in flare_widgets/views/core/svg_chart.py.
 */
import { svg } from "./dom";

/** SVG paths around the origin, about nine units wide; a canvas can draw them too. */
export const MARKER_SHAPES = [
  "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",
  "M-3.5 -3.5H3.5V3.5H-3.5Z",
  "M0 -4.5L4.5 3.5H-4.5Z",
  "M0 -5L5 0L0 5L-5 0Z",
  "M0 4.5L4.5 -3.5H-4.5Z",
  "M-1.5 -4.5H1.5V-1.5H4.5V1.5H1.5V4.5H-1.5V1.5H-4.5V-1.5H-1.5Z",
] as const;

/** Lengths of dashes and gaps; an empty one is a solid line. */
export const DASH_PATTERNS: readonly (readonly number[])[] = [[], [6, 3], [2, 3], [8, 3, 2, 3]];

/** Number of colours: `--flw-series-0` and so on. */
export const COLOUR_COUNT = 6;

export interface SeriesStyle {
  readonly shape: string;
  readonly dash: readonly number[];
  readonly colour: number;
}

/**
 * Return the style of the nth line of a chart. The first one shares its marker and its colour with no other; the first
 * twenty differ in more than their colour.
 */
export function seriesStyle(index: number): SeriesStyle {
  const count = COLOUR_COUNT - 1;
  const marker = index ? 1 + ((index - 1) % (MARKER_SHAPES.length - 1)) : 0;
  return {
    shape: MARKER_SHAPES[marker] ?? MARKER_SHAPES[0],
    dash: DASH_PATTERNS[index % DASH_PATTERNS.length] ?? [],
    // Shifted each time that the markers begin again, so that no two of the first lines share both.
    colour: index ? 1 + ((index - 1 + Math.floor((index - 1) / count)) % count) : 0,
  };
}

/** Create a sample of the nth line for a legend; chart-base.css sets its colour. */
export function createSwatch(index: number, bold: boolean): SVGElement {
  const { shape, dash, colour } = seriesStyle(index);
  const line = svg("path", {
    d: "M0 6H26",
    fill: "none",
    stroke: "currentColor",
    "stroke-width": bold ? "3" : "1.5",
  });
  if (dash.length) line.setAttribute("stroke-dasharray", dash.join(" "));
  const mark = svg("path", { d: shape, transform: "translate(13 6)", fill: "currentColor" });
  const picture = svg("svg", {
    class: `flw-swatch flw-series-${colour}`,
    width: "26",
    height: "12",
    "aria-hidden": "true",
  });
  picture.append(line, mark);
  return picture;
}

/** Create a sample of a filled band for a legend. */
export function createBandSwatch(): SVGElement {
  const picture = svg("svg", { class: "flw-swatch", width: "26", height: "12", "aria-hidden": "true" });
  picture.append(svg("path", { class: "flw-band", d: "M0 1H26V11H0Z", fill: "currentColor", "fill-opacity": "0.15" }));
  return picture;
}
