/** Tabs: one of several contents is shown. Arrow keys move between them. */
import { h } from "./dom";

export interface Tabs {
  readonly element: HTMLElement;
  /**
   * Draw the tabs; nothing is drawn above the content if there is only one.
   *
   * @param names the name of each tab
   * @param content returns the content of a tab, when it is picked
   */
  draw(names: readonly string[], content: (index: number) => Node[]): void;
}

let created = 0;

/** @param label the accessible name of the list of tabs */
export function createTabs(label: string): Tabs {
  const id = `flw-tabs-${++created}`;
  const list = h("div", { class: "flw-tabs", role: "tablist", "aria-label": label });
  const panel = h("div", { class: "flw-tab-panel", tabindex: "0" });
  panel.id = `${id}-panel`;
  const element = h("div", {}, list, panel);
  let picked = "";

  return {
    element,
    draw(names, content) {
      const pick = (index: number, isFocused: boolean): void => {
        picked = names[index] ?? "";
        buttons.forEach((button, number) => {
          button.setAttribute("aria-selected", String(number === index));
          button.setAttribute("tabindex", number === index ? "0" : "-1");
        });
        panel.setAttribute("aria-labelledby", `${id}-${index}`);
        panel.replaceChildren(...content(index));
        if (isFocused) buttons[index]?.focus();
      };
      const buttons = names.map((name, index) => {
        const button = h("button", { class: "flw-tab", type: "button", role: "tab", "aria-controls": panel.id }, name);
        button.id = `${id}-${index}`;
        button.addEventListener("click", () => pick(index, true));
        return button;
      });
      list.replaceChildren(...buttons);
      list.hidden = names.length < 2;
      panel.setAttribute("role", names.length < 2 ? "group" : "tabpanel");
      list.onkeydown = (event) => {
        const last = names.length - 1;
        const at = Math.max(0, names.indexOf(picked));
        const to = { ArrowLeft: at ? at - 1 : last, ArrowRight: at < last ? at + 1 : 0, Home: 0, End: last }[event.key];
        if (to === undefined) return;
        event.preventDefault();
        event.stopPropagation();
        pick(to, true);
      };
      if (names.length) pick(Math.max(0, names.indexOf(picked)), false);
      else panel.replaceChildren();
    },
  };
}
