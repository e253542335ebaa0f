/** The result of an ended job: its models, histograms and files, each to be downloaded alone. */
import type { ActionBarOptions } from "../../core/actions";
import { createCollapsible } from "../../core/collapsible";
import { h, setVisible } from "../../core/dom";
import { createFileActionBars, type FileActions } from "../../results/parts/file-actions";
import { createFiles } from "../../results/parts/files";
import { createHistograms } from "../../results/parts/histograms";
import { createModels } from "../../results/parts/models";
import type { Contents } from "../../results/view-model";

export interface ResultSection {
  readonly element: HTMLElement;
  /** Draw; drawing the same contents again is free. */
  draw(contents: Contents, actions: FileActions): void;
  dispose(): void;
}

const SECTION = "Result";

export function createResultSection(openSections: Map<string, boolean>, options: ActionBarOptions): ResultSection {
  const actions = createFileActionBars(options);
  const models = createModels(options.announce, actions);
  const histograms = createHistograms();
  const files = createFiles(openSections, actions);
  const section = createCollapsible(SECTION, openSections, drawContents);
  section.element.classList.add("flw-result");
  let latest: Contents | undefined;

  function drawContents(): void {
    if (!latest || !section.isOpen) return;
    models.draw(latest.models, []);
    histograms.draw(latest.histograms, latest.moreFeatures);
    files.draw(latest.tree);
    const parts = [models.element, histograms.element, h("div", { class: "flw-metric-name" }, "Files"), files.element];
    section.body.replaceChildren(...parts);
  }

  return {
    element: section.element,
    draw(contents, asked) {
      if (contents !== latest) {
        latest = contents;
        const count = contents.models.length;
        const words = count ? [`${count} ${count === 1 ? "model" : "models"}`] : [];
        section.setTitle(`${SECTION} (${[...words, contents.tree.summary].join(", ")})`);
        setVisible(section.element, contents.tree.folders.length + contents.tree.files.length > 0);
        drawContents();
      }
      actions.draw(asked);
    },
    dispose() {
      actions.dispose();
      models.dispose();
    },
  };
}
