/** The banner on top of a view: what is wrong, a sentence each. Hidden while nothing is. */
import { h, setVisible, whenChanged } from "./dom";

const MAX_SENTENCES = 8;

export interface Banner {
  readonly element: HTMLElement;
  /** @param problems the worst first; empty ones are left out */
  draw(problems: readonly string[]): void;
}

/**
 * @param announce announces a text to screen readers: a new problem, or that there is none any more
 * @param whenResolved the text of the latter
 */
export function createBanner(
  announce: (message: string) => void,
  whenResolved: () => string = () => "all problems resolved",
): Banner {
  const element = h("ul", { class: "flw-banner", role: "list", "aria-label": "problems" });
  let known: ReadonlySet<string> | undefined;
  const draw = whenChanged((found: readonly string[]) => {
    const items = found.slice(0, MAX_SENTENCES).map(createItem);
    if (found.length > MAX_SENTENCES) items.push(createItem(`and ${found.length - MAX_SENTENCES} more, see below`));
    element.replaceChildren(...items);
    setVisible(element, items.length > 0);
    // Ignore numbers: a sentence that counts seconds would be announced again and again.
    const byKind = new Map(found.map((text) => [text.replaceAll(/\d+ (?:s|min|h|days)\b|\d+/gu, ""), text]));
    const before = known;
    const added = before && [...byKind].find(([kind]) => !before.has(kind));
    if (added) announce(added[1]);
    else if (before?.size && !byKind.size) announce(whenResolved());
    known = new Set(byKind.keys());
  });
  setVisible(element, false);
  return { element, draw: (problems) => draw(problems.filter(Boolean)) };
}

function createItem(text: string): HTMLElement {
  return h("li", {}, h("span", { class: "flw-glyph", "aria-hidden": "true" }, "!"), h("span", {}, text));
}
