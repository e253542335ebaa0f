/** The view of a result, composed of its parts. Independent of anywidget and of kernels. */
import type { ActionMessage } from "../core/actions";
import { createAnnouncer } from "../core/announcer";
import { createCollapsible } from "../core/collapsible";
import { createCopyButton } from "../core/copy";
import { h, setText, setVisible } from "../core/dom";
import { createTabs } from "../core/tabs";
import { SHORT_ID_LENGTH } from "../core/text";
import type { Metric } from "../job/metrics";
import { createMetricCharts } from "../job/parts/metrics";
import { createTable } from "../job/parts/tables";
import type { ValueTable } from "../job/tables";
import { createFileActionBars, type FileActions } from "./parts/file-actions";
import { createFiles } from "./parts/files";
import { createHistograms } from "./parts/histograms";
import { createModels } from "./parts/models";
import type { Contents } from "./view-model";

export interface Heading {
  readonly name: string;
  readonly jobId: string;
  /** Its size and folder, in words. */
  readonly place: string;
  /** Its folder as the file browser knows it; empty if it does not. */
  readonly folder: string;
}

export interface ResultViewState {
  readonly heading: Heading;
  /** The same objects and lists until they change. */
  readonly contents: Contents;
  readonly metrics: readonly Metric[];
  readonly hiddenMetrics: string;
  readonly evaluation: readonly ValueTable[];
  readonly statistics: readonly ValueTable[];
  readonly fileActions: FileActions;
}

export interface ResultViewOptions {
  /** The browser's clock, in seconds. */
  readonly browserNow: () => number;
  readonly send: (message: ActionMessage) => void;
  /** The open state of each section by name; kept by the caller for later views of the same model. */
  readonly openSections: Map<string, boolean>;
  /** Show a folder in the file browser; where there is none, it is missing. */
  readonly showFolder?: ((path: string) => void) | undefined;
}

export interface ResultView {
  readonly element: HTMLElement;
  draw(next: ResultViewState): void;
  dispose(): void;
}

export function createResultView({ browserNow, send, openSections, showFolder }: ResultViewOptions): ResultView {
  const announcer = createAnnouncer();
  const name = h("strong", { class: "flw-name" });
  const id = createCopyButton(announcer.announce);
  const place = h("span", { class: "flw-aside" });
  const folder = h("button", { class: "flw-button", type: "button" }, "Show in the file browser");
  folder.addEventListener("click", () => showFolder?.(latest?.heading.folder ?? ""));
  const parameters = h("p", { class: "flw-aside" });
  const reason = h("p", { class: "flw-more" });
  const actions = createFileActionBars({ send, announce: announcer.announce, now: browserNow });
  const models = createModels(announcer.announce, actions);
  const metrics = createMetricCharts(openSections);
  const evaluation = createTabs("metrics");
  const statistics = createTabs("sites");
  const histograms = createHistograms();
  const files = createFiles(openSections, actions);
  let latest: ResultViewState | undefined;
  let drawn: Partial<ResultViewState> = {};

  const section = (title: string, isOpen: boolean, ...content: HTMLElement[]) => {
    if (!openSections.has(title)) openSections.set(title, isOpen);
    const show = (): void => {
      fold.body.replaceChildren(...content);
      drawn = {};
      drawParts();
    };
    const fold = createCollapsible(title, openSections, show);
    if (fold.isOpen) fold.body.replaceChildren(...content);
    return fold;
  };
  const modelSection = section("Models", true, models.element);
  const evaluationSection = section("Evaluation", true, evaluation.element);
  const statisticsSection = section("Statistics", true, statistics.element);
  const histogramSection = section("Histograms", true, histograms.element);
  const fileSection = section("Files", false, files.element);
  const element = h(
    "div",
    { class: "flw-results flw-live", role: "group", tabindex: "-1" },
    h("div", { class: "flw-head" }, name, id.element, place, folder),
    parameters,
    reason,
    modelSection.element,
    metrics.element,
    evaluationSection.element,
    statisticsSection.element,
    histogramSection.element,
    fileSection.element,
    announcer.element,
  );

  function drawParts(): void {
    if (!latest) return;
    const { contents } = latest;
    if (contents !== drawn.contents) {
      models.draw(contents.models, contents.notes);
      histograms.draw(contents.histograms, contents.moreFeatures);
      files.draw(contents.tree);
    }
    if (latest.evaluation !== drawn.evaluation) drawTables(evaluation, latest.evaluation);
    if (latest.statistics !== drawn.statistics) drawTables(statistics, latest.statistics);
    drawn = latest;
  }

  return {
    element,
    draw(next) {
      latest = next;
      const { heading, contents } = next;
      element.setAttribute("aria-label", `result of ${heading.name}`);
      setText(name, heading.name);
      name.title = heading.name;
      id.draw(heading.jobId.slice(0, SHORT_ID_LENGTH), heading.jobId, "job id");
      setText(place, heading.place);
      setVisible(folder, showFolder !== undefined && heading.folder !== "");
      setText(parameters, contents.arguments.join(", "));
      setVisible(parameters, contents.arguments.length > 0);
      setText(reason, `Not all of it was read: ${contents.reason}`);
      setVisible(reason, contents.reason !== "");
      metrics.draw(next.metrics, next.hiddenMetrics);
      setVisible(evaluationSection.element, next.evaluation.length > 0);
      setVisible(statisticsSection.element, next.statistics.length > 0);
      setVisible(histogramSection.element, contents.histograms.length > 0);
      fileSection.setTitle(`Files (${contents.tree.summary})`);
      drawParts();
      actions.draw(next.fileActions);
    },
    dispose() {
      actions.dispose();
      models.dispose();
      metrics.dispose();
      id.dispose();
      latest = undefined;
      element.remove();
    },
  };
}

function drawTables(tabs: ReturnType<typeof createTabs>, tables: readonly ValueTable[]): void {
  tabs.draw(
    tables.map(({ title }) => title),
    (index) => {
      const table = tables[index];
      const parts = table ? createTable(table) : [];
      // The tab says it.
      if (tables.length > 1) parts[0]?.querySelector("caption")?.classList.add("flw-spoken");
      return parts;
    },
  );
}
