/** Unavailable data, and the data that FLARE does not tell: a sentence each. */
import { h, setVisible, whenChanged } from "../../core/dom";

export interface Notes {
  readonly element: HTMLElement;
  draw(notes: readonly string[]): void;
}

export function createNotes(label: string, className = ""): Notes {
  const element = h("ul", { class: `flw-notes ${className}`.trim(), role: "list", "aria-label": label });
  const draw = whenChanged((notes: readonly string[]) => {
    element.replaceChildren(...notes.map((words) => h("li", { class: "flw-note-missing" }, words)));
    setVisible(element, notes.length > 0);
  });
  return { element, draw };
}
