/** What is wrong or awaited, and what is not known: a sentence each. */
import { h, show, whenChanged } from "../../core/dom";

export interface Notes {
  readonly element: HTMLElement;
  draw(troubles: readonly string[], unknown: readonly string[]): void;
}

export function notes(): Notes {
  const element = h("ul", { class: "flw-notes", role: "list", "aria-label": "to be known" });
  const draw = whenChanged(({ troubles, unknown }: { troubles: readonly string[]; unknown: readonly string[] }) => {
    element.replaceChildren(
      ...troubles.map((words) => h("li", { class: "flw-note-trouble" }, h("span", { "aria-hidden": "true" }, "! "), words)),
      ...unknown.map((words) => h("li", { class: "flw-note-unknown" }, words)),
    );
    show(element, troubles.length + unknown.length > 0);
  });
  return { element, draw: (troubles, unknown) => draw({ troubles, unknown }) };
}
