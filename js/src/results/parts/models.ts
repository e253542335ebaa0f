/** The models of a result: of each what is known of it, and the line that loads it, to be copied. */
import { type CopyButton, createCopyButton } from "../../core/copy";
import { h, whenChanged } from "../../core/dom";
import type { ModelRow } from "../view-model";
import type { FileActionBars } from "./file-actions";

export interface Models {
  readonly element: HTMLElement;
  /** @param notes sentences about where the models are, if there are none here */
  draw(models: readonly ModelRow[], notes: readonly string[]): void;
  dispose(): void;
}

export function createModels(announce: (message: string) => void, actions: FileActionBars): Models {
  const element = h("ul", { class: "flw-models", role: "list" });
  let buttons: CopyButton[] = [];

  function dispose(): void {
    for (const button of buttons) button.dispose();
    buttons = [];
  }

  function createModel(model: ModelRow): HTMLElement {
    const name = h("strong", { class: "flw-model-name" }, model.name);
    const item = h("li", {}, h("div", {}, name, " ", h("span", { class: "flw-aside" }, model.facts)));
    if (model.content) item.append(h("div", { class: "flw-content" }, model.content));
    if (model.loadLine) {
      const copy = createCopyButton(announce);
      copy.draw("", model.loadLine, "the line that loads it:");
      buttons.push(copy);
      const line = h("pre", { class: "flw-load", tabindex: "0" }, h("code", {}, model.loadLine));
      item.append(h("div", { class: "flw-load-line" }, line, copy.element));
    }
    if (model.warning) item.append(h("p", { class: "flw-model-warning" }, `! ${model.warning}`));
    if (model.action) item.append(actions.place(model.action));
    return item;
  }

  const draw = whenChanged(({ models, notes }: { models: readonly ModelRow[]; notes: readonly string[] }) => {
    dispose();
    const none = ["There is no model in this result.", ...notes.map((note) => `${note}.`)].join(" ");
    const items = models.length ? models.map(createModel) : [h("li", { class: "flw-more" }, none)];
    element.replaceChildren(...items);
  });
  return { element, draw: (models, notes) => draw({ models, notes }), dispose };
}
