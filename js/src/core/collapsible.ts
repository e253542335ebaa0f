/** A section under a heading that folds. What is folded is not drawn; whether it is, `memory` remembers by its name. */
import { h, setText } from "./dom";

export interface Fold {
  readonly element: HTMLElement;
  readonly body: HTMLElement;
  readonly open: boolean;
  title(words: string): void;
}

let made = 0;

/**
 * @param name what `memory` calls it; in lower case, also its heading
 * @param unfolded called when the section has been opened: draw it now
 */
export function fold(name: string, memory: Map<string, boolean>, unfolded: () => void): Fold {
  const id = `flw-fold-${++made}`;
  const arrow = h("span", { class: "flw-fold-arrow", "aria-hidden": "true" });
  const label = h("span", {}, name);
  const button = h("button", { class: "flw-fold", type: "button", "aria-controls": id }, arrow, label);
  const body = h("div", { class: "flw-fold-body" });
  body.id = id;
  const apply = (): void => {
    const open = memory.get(name) === true;
    button.setAttribute("aria-expanded", String(open));
    setText(arrow, open ? "▾" : "▸");
    body.hidden = !open;
    if (!open) body.replaceChildren();
  };
  button.addEventListener("click", () => {
    memory.set(name, memory.get(name) !== true);
    apply();
    if (memory.get(name)) unfolded();
  });
  apply();
  return {
    element: h("section", { class: "flw-section" }, button, body),
    body,
    get open() {
      return memory.get(name) === true;
    },
    title: (words) => setText(label, words),
  };
}
