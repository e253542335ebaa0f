/** Histograms of features, of all sites and of each, as small pictures. */
import { h, whenChanged } from "../../core/dom";
import { formatValue } from "../../core/numbers";
import type { FeatureHistograms, HistogramPicture } from "../view-model";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 180;
const HEIGHT = 44;

export interface Histograms {
  readonly element: HTMLElement;
  draw(features: readonly FeatureHistograms[], moreFeatures: number): void;
}

export function createHistograms(): Histograms {
  const element = h("div", { class: "flw-histograms" });
  const draw = whenChanged(({ features, more }: { features: readonly FeatureHistograms[]; more: number }) => {
    element.replaceChildren(...features.map(createFeature));
    if (more > 0) element.append(h("p", { class: "flw-more" }, `and ${more} more features`));
  });
  return { element, draw: (features, more) => draw({ features, more }) };
}

function createFeature({ feature, histograms, rest }: FeatureHistograms): HTMLElement {
  const pictures = histograms.map((histogram) =>
    h(
      "figure",
      {},
      createPicture(histogram, feature),
      h(
        "div",
        { class: "flw-histogram-range", "aria-hidden": "true" },
        h("span", {}, shortNumber(histogram.low)),
        h("span", {}, shortNumber(histogram.high)),
      ),
      h("figcaption", {}, histogram.label),
    ),
  );
  const row = h("div", { class: "flw-histogram-row" }, ...pictures);
  if (rest) row.append(h("span", { class: "flw-more" }, rest));
  return h("section", { class: "flw-histogram-feature" }, h("div", { class: "flw-metric-name" }, feature), row);
}

/** Return a number as short as a label of an axis. */
function shortNumber(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e6 ? String(value) : formatValue(value);
}

function createPicture({ label, low, high, bars }: HistogramPicture, feature: string): SVGElement {
  const picture = svgElement("svg", {
    class: "flw-histogram",
    viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
    width: String(WIDTH),
    height: String(HEIGHT),
    role: "img",
    "aria-label": `${feature}, ${label}: ${shortNumber(low)} to ${shortNumber(high)}`,
  });
  for (const [left, width, height, words] of bars) {
    const bar = svgElement("rect", {
      x: (left * WIDTH).toFixed(1),
      y: (HEIGHT - height * HEIGHT).toFixed(1),
      width: Math.max(0.5, width * WIDTH - 0.5).toFixed(1),
      height: (height * HEIGHT).toFixed(1),
    });
    const title = svgElement("title", {});
    title.textContent = words;
    bar.append(title);
    picture.append(bar);
  }
  return picture;
}

function svgElement(tag: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const element = document.createElementNS(SVG, tag) as SVGElement;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
