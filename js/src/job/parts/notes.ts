/** Problems and unavailable data, a sentence each; and the data that FLARE does not tell. */
import { h, setVisible, whenChanged } from "../../core/dom";

export interface Notes {
  readonly element: HTMLElement;
  draw(problems: readonly string[], missing: readonly string[]): void;
}

export function createNotes(label = "problems and notes", className = ""): Notes {
  const element = h("ul", { class: `flw-notes ${className}`.trim(), role: "list", "aria-label": label });
  const draw = whenChanged(({ troubles, unknown }: { troubles: readonly string[]; unknown: readonly string[] }) => {
    element.replaceChildren(
      ...troubles.map((words) =>
        h("li", { class: "flw-note-problem" }, h("span", { "aria-hidden": "true" }, "! "), words),
      ),
      ...unknown.map((words) => h("li", { class: "flw-note-missing" }, words)),
    );
    setVisible(element, troubles.length + unknown.length > 0);
  });
  return { element, draw: (problems, missing) => draw({ troubles: problems, unknown: missing }) };
}
