/** The browser's half of flare_widgets.views.question.QuestionView: the cell waits for what is answered here. */
import { h } from "../core/dom";
import { type RenderContext, send } from "../core/anywidget-model";
import { kernelBanner } from "../core/kernel-banner";
import { sanitize } from "../core/text";

const MAX_TEXT_CHARS = 500;

export default {
  render({ model, el }: RenderContext): () => void {
    const words = (name: string): string => sanitize(String(model.get(name) ?? ""), MAX_TEXT_CHARS);
    const yes = h("button", { class: "flw-button flw-danger", type: "button" }, words("yes"));
    const no = h("button", { class: "flw-button", type: "button" }, words("no"));
    const element = h(
      "div",
      { class: "flw-confirm flw-live", role: "group", "aria-label": words("question") },
      h("p", { class: "flw-confirm-text" }, words("question")),
      h("div", { class: "flw-buttons" }, yes, no),
    );
    const enable = (on: boolean): void => {
      yes.disabled = no.disabled = !on;
    };
    const kernel = kernelBanner(model, element, () => enable(!kernel.hasEnded));
    const answer = (agreed: boolean): void => {
      enable(false);
      send(model, { kind: "answer", yes: agreed });
    };
    yes.addEventListener("click", () => answer(true));
    no.addEventListener("click", () => answer(false));
    element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !no.disabled) answer(false);
      // What is typed here is no command of the notebook around it.
      event.stopPropagation();
    });
    el.append(element);
    // As a prompt of the kernel's does: whoever ran the cell by the keyboard answers by it. Enter alone destroys nothing.
    requestAnimationFrame(() => no.focus({ preventScroll: true }));
    // That this is heard while the cell runs tells the kernel that an answer will be.
    send(model, { kind: "clock" });
    return () => {
      kernel.dispose();
      element.remove();
    };
  },
};
