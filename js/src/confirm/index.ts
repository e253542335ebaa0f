/** The front-end half of flare_widgets/views/core/confirm.py: a question whose answer the running cell waits for. */
import { type RenderContext, type TraitReaders, TypedModel } from "../core/anywidget-model";
import { h } from "../core/dom";
import { createKernelBanner } from "../core/kernel-banner";
import { themed } from "../core/theme";
import { asText } from "../core/validate";

const MAX_TEXT_CHARS = 500;

interface ConfirmTraits {
  readonly question: string;
  readonly confirm_label: string;
  readonly cancel_label: string;
}

const readText = (value: unknown): string => asText(value, MAX_TEXT_CHARS);
const READERS: TraitReaders<ConfirmTraits> = { question: readText, confirm_label: readText, cancel_label: readText };

export default themed({
  render(context: RenderContext): () => void {
    const { model, el } = context;
    const traits = new TypedModel(model, READERS);
    const confirm = h("button", { class: "flw-button flw-danger", type: "button" }, traits.get("confirm_label"));
    const cancel = h("button", { class: "flw-button", type: "button" }, traits.get("cancel_label"));
    const element = h(
      "div",
      { class: "flw-confirm flw-live", role: "group", "aria-label": traits.get("question") },
      h("p", { class: "flw-confirm-text" }, traits.get("question")),
      h("div", { class: "flw-buttons" }, confirm, cancel),
    );
    const enable = (on: boolean): void => {
      confirm.disabled = cancel.disabled = !on;
    };
    const kernel = createKernelBanner(context, element, () => enable(!kernel.hasEnded));
    const answer = (agreed: boolean): void => {
      enable(false);
      traits.send({ kind: "answer", is_confirmed: agreed });
    };
    confirm.addEventListener("click", () => answer(true));
    cancel.addEventListener("click", () => answer(false));
    element.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !cancel.disabled) answer(false);
      // Keys typed here must not reach the notebook, which has shortcuts of its own.
      event.stopPropagation();
    });
    el.append(element);
    // As the kernel's own prompt does, so that whoever ran the cell by keyboard can answer. Enter alone is harmless.
    requestAnimationFrame(() => cancel.focus({ preventScroll: true }));
    return () => {
      kernel.dispose();
      element.remove();
    };
  },
});
