/** What is wrong, a sentence each. New ones are said to a screen reader. */
import { h, show, whenChanged } from "../../core/dom";
import type { SystemSnapshot } from "../snapshot";
import { troubles as find } from "../format";

const MOST = 8;

export interface Troubles {
  readonly element: HTMLElement;
  draw(system: SystemSnapshot, now: number): void;
}

/** @param announce tells a screen reader */
export function troubles(announce: (words: string) => void): Troubles {
  const element = h("ul", { class: "flw-troubles", role: "list", "aria-label": "problems" });
  let known: ReadonlySet<string> | undefined;
  const draw = whenChanged((found: readonly string[]) => {
    const items = found.slice(0, MOST).map((words) => item(words));
    if (found.length > MOST) items.push(item(`and ${found.length - MOST} more, see the list below`));
    element.replaceChildren(...items);
    show(element, items.length > 0);
    // Without its numbers: a sentence that counts seconds would talk without end.
    const kinds = new Map(found.map((words) => [words.replaceAll(/\d+/g, ""), words]));
    const before = known;
    const fresh = before && [...kinds].find(([kind]) => !before.has(kind));
    if (fresh) announce(fresh[1]);
    else if (before?.size && !kinds.size) announce("all problems are gone");
    known = new Set(kinds.keys());
  });
  return { element, draw: (system, now) => draw(find(system, now)) };
}

function item(words: string): HTMLElement {
  return h("li", {}, h("span", { class: "flw-glyph", "aria-hidden": "true" }, "!"), h("span", {}, words));
}
