/** A thin strip with the worst state of all sites in each round of a job; a click goes there. For the pointer only. */
import { h, whenChanged } from "../../core/dom";
import type { CellState } from "../view-model";

export interface Strip {
  readonly element: HTMLElement;
  /** @param states a letter of the legend for each round */
  draw(states: string, legend: Readonly<Record<string, CellState>>): void;
  /** Mark the rounds that are in sight, in shares of the width. */
  drawWindow(from: number, width: number): void;
}

/** Rounds that are told apart by gaps between them. */
const MAX_SEPARATE_ROUNDS = 300;
const GAP = 0.2;
const SVG = "http://www.w3.org/2000/svg";

/** @param onPick called with the place of a click, from 0 to 1 */
export function createStrip(onPick: (share: number) => void): Strip {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("preserveAspectRatio", "none");
  picture.setAttribute("class", "flw-strip-picture");
  const frame = h("div", { class: "flw-strip-window" });
  // The table has all of it for the keyboard and for screen readers.
  const element = h("div", { class: "flw-strip", "aria-hidden": "true", title: "All rounds: click to go to one" });
  element.append(picture, frame);
  const draw = whenChanged(({ states, codes }: { states: string; codes: string }) => {
    picture.setAttribute("viewBox", `0 0 ${Math.max(1, states.length)} 1`);
    picture.replaceChildren(
      ...findStretches(states)
        .filter(({ code }) => code !== " " && codes.includes(code))
        .map(createStretch),
    );
  });

  element.addEventListener("pointerdown", (event) => {
    const pick = (at: number): void => {
      const { left, width } = element.getBoundingClientRect();
      if (width > 0) onPick(Math.min(1, Math.max(0, (at - left) / width)));
    };
    const follow = (move: PointerEvent): void => pick(move.clientX);
    pick(event.clientX);
    element.addEventListener("pointermove", follow);
    element.setPointerCapture?.(event.pointerId);
    element.addEventListener("pointerup", () => element.removeEventListener("pointermove", follow), { once: true });
  });

  return {
    element,
    draw: (states, legend) => draw({ states, codes: Object.keys(legend).join("") }),
    drawWindow(from, width) {
      frame.style.left = `${(100 * from).toFixed(2)}%`;
      frame.style.width = `${(100 * width).toFixed(2)}%`;
    },
  };
}

interface Stretch {
  readonly code: string;
  readonly start: number;
  readonly length: number;
}

/** Return the stretches of rounds in one state; of few rounds, each is one. */
function findStretches(states: string): Stretch[] {
  const found: { code: string; start: number; length: number }[] = [];
  const isSeparate = states.length <= MAX_SEPARATE_ROUNDS;
  for (let start = 0; start < states.length; start++) {
    const code = states[start] ?? " ";
    const before = found.at(-1);
    if (before && before.code === code && !isSeparate) before.length++;
    else found.push({ code, start, length: 1 });
  }
  return found.map((stretch) => (isSeparate ? { ...stretch, length: 1 - GAP } : stretch));
}

function createStretch({ code, start, length }: Stretch): SVGElement {
  const element = document.createElementNS(SVG, "rect");
  const attributes = { class: `flw-cell-${code}`, x: start, y: 0, width: length, height: 1, fill: "currentColor" };
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
}
