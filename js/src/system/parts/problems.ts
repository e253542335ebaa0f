/** Problems, a sentence each. New ones are announced to screen readers. */
import { h, setVisible, whenChanged } from "../../core/dom";

const MAX_PROBLEMS = 8;

export interface Problems {
  readonly element: HTMLElement;
  draw(problems: readonly string[]): void;
}

/** @param announce announces a text to screen readers */
export function createProblems(announce: (message: string) => void): Problems {
  const element = h("ul", { class: "flw-problems", role: "list", "aria-label": "problems" });
  let known: ReadonlySet<string> | undefined;
  const draw = whenChanged((found: readonly string[]) => {
    const items = found.slice(0, MAX_PROBLEMS).map((words) => createItem(words));
    if (found.length > MAX_PROBLEMS)
      items.push(createItem(`and ${found.length - MAX_PROBLEMS} more, see the list below`));
    element.replaceChildren(...items);
    setVisible(element, items.length > 0);
    // Ignore numbers: a sentence that counts seconds would be announced again and again.
    const byKind = new Map(found.map((words) => [words.replaceAll(/\d+/g, ""), words]));
    const before = known;
    const added = before && [...byKind].find(([kind]) => !before.has(kind));
    if (added) announce(added[1]);
    else if (before?.size && !byKind.size) announce("all problems resolved");
    known = new Set(byKind.keys());
  });
  return { element, draw };
}

function createItem(text: string): HTMLElement {
  return h("li", {}, h("span", { class: "flw-glyph", "aria-hidden": "true" }, "!"), h("span", {}, text));
}
