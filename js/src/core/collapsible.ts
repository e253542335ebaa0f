/** A collapsible section under a heading. Its content is drawn only while it is open. */
import { h, setText } from "./dom";

export interface Collapsible {
  readonly element: HTMLElement;
  readonly body: HTMLElement;
  readonly isOpen: boolean;
  setTitle(title: string): void;
}

let created = 0;

/**
 * @param name the heading, and the key in `openSections`
 * @param openSections the open state of each section by name
 * @param onOpen called when the section has been opened, to draw its content
 */
export function createCollapsible(name: string, openSections: Map<string, boolean>, onOpen: () => void): Collapsible {
  const id = `flw-fold-${++created}`;
  const arrow = h("span", { class: "flw-fold-arrow", "aria-hidden": "true" });
  const label = h("span", {}, name);
  const button = h("button", { class: "flw-fold", type: "button", "aria-controls": id }, arrow, label);
  const body = h("div", { class: "flw-fold-body" });
  body.id = id;
  const apply = (): void => {
    const open = openSections.get(name) === true;
    button.setAttribute("aria-expanded", String(open));
    setText(arrow, open ? "▾" : "▸");
    body.hidden = !open;
    if (!open) body.replaceChildren();
  };
  button.addEventListener("click", () => {
    openSections.set(name, openSections.get(name) !== true);
    apply();
    if (openSections.get(name)) onOpen();
  });
  apply();
  return {
    element: h("section", { class: "flw-section" }, button, body),
    body,
    get isOpen() {
      return openSections.get(name) === true;
    },
    setTitle: (words) => setText(label, words),
  };
}
