/** The job view, composed of its parts. Independent of anywidget and of kernels. */
import type { Action, ActionMessage } from "../core/actions";
import { createAnnouncer } from "../core/announcer";
import { createBanner } from "../core/banner";
import { h, setVisible } from "../core/dom";
import { KERNEL_LOST } from "../core/kernel";
import { textAt } from "../core/live-text";
import { SHORT_ID_LENGTH } from "../core/text";
import type { FileActions } from "../results/parts/file-actions";
import type { Contents } from "../results/view-model";
import type { EventList } from "./events";
import { createLogPanel, type LogPanelState } from "./log/panel";
import type { LogRequest } from "./log/source";
import type { Metric } from "./metrics";
import { createActions } from "./parts/actions";
import { createDetails } from "./parts/details";
import { createEvents } from "./parts/events";
import { createFailureCard } from "./parts/failure";
import { createHeader } from "./parts/header";
import { createMatrix } from "./parts/matrix";
import { createMetricCharts } from "./parts/metrics";
import { createNotes } from "./parts/notes";
import { createResultSection } from "./parts/result";
import { createSites } from "./parts/sites";
import { createSummary } from "./parts/summary";
import { createTables } from "./parts/tables";
import { createTimeline } from "./parts/timeline";
import type { TableSection } from "./tables";
import type { JobViewModel } from "./view-model";

export interface JobViewState {
  readonly job: JobViewModel;
  /** Reason why the kernel no longer answers; empty while it does, and for an ended job. */
  readonly kernelProblem: string;
  /** The metrics by round and step; the same list until they change. */
  readonly metrics: readonly Metric[];
  /** The metrics that are not among them, in words. */
  readonly hiddenMetrics: string;
  /** The tables; the same list until they change. */
  readonly tables: readonly TableSection[];
  /** What is in the job's result; the same object until it changes. */
  readonly result: Contents;
  readonly fileActions: FileActions;
  /** The events; the same object until they change. */
  readonly events: EventList;
  /** The job in one sentence, as in a terminal: the label for screen readers. */
  readonly label: string;
  /** The actions on the job; empty if none are offered. */
  readonly actions: readonly Action[];
  /** Logs are available on request. */
  readonly hasLog: boolean;
}

export interface JobViewOptions {
  /** The kernel's clock in seconds, against which ages and run times are counted. */
  readonly kernelNow: () => number;
  /** The browser's clock, in seconds. */
  readonly browserNow: () => number;
  /** Send a message to the kernel. */
  readonly send: (message: ActionMessage | LogRequest) => void;
  /** The open state of each section by name; kept by the caller for later views of the same model. */
  readonly openSections: Map<string, boolean>;
  /** Open the results of the job in a tab; where there are no tabs, it is missing. */
  readonly openResults?: (() => void) | undefined;
}

export interface JobView {
  readonly element: HTMLElement;
  draw(next: JobViewState): void;
  /** Handle a message from the kernel about a log. */
  handleLogMessage(message: unknown): void;
  dispose(): void;
}

/** Interval at which times are redrawn; short enough that no second seems to be skipped. */
const TICK_MS = 250;

export function createJobView({ kernelNow, browserNow, send, openSections, openResults }: JobViewOptions): JobView {
  const announcer = createAnnouncer();
  const banner = createBanner(announcer.announce, () =>
    latest ? `${latest.job.name}: ${latest.job.status}, all problems resolved` : "",
  );
  const header = createHeader(announcer.announce);
  const summary = createSummary();
  const timeline = createTimeline();
  const failure = createFailureCard({ openSections, showLog: (target, line) => log.reveal(target, line) });
  const notes = createNotes("data that is missing");
  const footnotes = createNotes("not told by FLARE", "flw-footnotes");
  const sites = createSites();
  const matrix = createMatrix(openSections);
  const metrics = createMetricCharts(openSections);
  const tables = createTables(openSections);
  const result = createResultSection(openSections, { send: sendAction, announce: announcer.announce, now: browserNow });
  const events = createEvents(openSections);
  const details = createDetails(openSections);
  const log = createLogPanel({ send, announce: announcer.announce });
  const actions = createActions({ send: sendAction, announce: announcer.announce, now: browserNow }, openResults);
  const element = h(
    "div",
    { class: "flw-job flw-live", role: "group", tabindex: "-1" },
    banner.element,
    header.element,
    summary.element,
    timeline.element,
    failure.element,
    notes.element,
    matrix.element,
    sites.element,
    metrics.element,
    tables.element,
    result.element,
    footnotes.element,
    events.element,
    log.element,
    details.element,
    actions.element,
    announcer.element,
  );

  let latest: JobViewState | undefined;
  let announcedFailure = "";
  let ticker: ReturnType<typeof setInterval> | undefined;

  function tick(): void {
    if (!latest) return;
    const { job, kernelProblem } = latest;
    const now = kernelNow();
    // While the kernel does not answer, show the time of the last confirmed data.
    const confirmedNow = kernelProblem && job.updatedAt !== null ? Math.min(now, job.updatedAt) : now;
    const elapsed = kernelProblem ? textAt(job.elapsedWhenLost, confirmedNow) : textAt(job.elapsed, now);
    const problems = problemsAt(latest, confirmedNow);
    const label = kernelProblem ? KERNEL_LOST : job.connectionLabel;
    element.classList.toggle("flw-trouble", problems.length > 0);
    banner.draw(problems);
    header.draw(job, { label, isAny: problems.length > 0 }, now);
    summary.draw(elapsed, job.facts, job.progress, confirmedNow);
    matrix.draw(job.matrix, confirmedNow);
    details.draw(job.details, now);
    timeline.draw(job.steps, now);
    actions.draw(latest.actions, browserNow(), job.hasEnded);
    // Nothing more changes by itself in the view of an ended job, which may stay for hours.
    if (job.hasEnded && !actions.isWaiting()) stop();
  }

  function start(): void {
    ticker ??= setInterval(tick, TICK_MS);
  }

  function sendAction(message: ActionMessage): void {
    start();
    send(message);
  }

  function draw(next: JobViewState): void {
    const before = latest;
    latest = next;
    const { job } = next;
    const hasFailed = job.category === "failed";
    element.dataset["category"] = job.category;
    element.setAttribute("aria-label", next.label);
    failure.draw(job.failure, hasFailed, next.hasLog);
    notes.draw(job.missingNotes);
    footnotes.draw(job.untoldNotes);
    sites.draw(job.sites, job.noSites);
    metrics.draw(next.metrics, next.hiddenMetrics, job.liveMetrics, job.expectsMetrics);
    tables.draw(next.tables);
    result.draw(next.result, next.fileActions);
    events.draw(next.events, kernelNow());
    setVisible(log.element, next.hasLog);
    if (next.hasLog) log.draw(logState(job));
    if (!job.hasEnded) start();
    tick();
    if (before && job.status !== before.job.status) announcer.announce(`${job.name}: ${job.status}`);
    const summaryText = job.failure?.summary ?? "";
    if (summaryText && summaryText !== announcedFailure) announcer.announce(summaryText);
    announcedFailure = summaryText;
  }

  function stop(): void {
    clearInterval(ticker);
    ticker = undefined;
  }

  return {
    element,
    draw,
    handleLogMessage: log.handleMessage,
    dispose() {
      stop();
      log.dispose();
      metrics.dispose();
      result.dispose();
      matrix.dispose();
      header.dispose();
      latest = undefined;
      element.remove();
    },
  };
}

/** Return what is wrong, the worst first. */
function problemsAt({ job, kernelProblem }: JobViewState, confirmedNow: number): string[] {
  const own = [...job.troubles, job.silence].map((text) => textAt(text, confirmedNow));
  return [kernelProblem || job.connectionProblem, ...own].filter(Boolean);
}

function logState({ jobId, logTargets, hasEnded }: JobViewModel): LogPanelState {
  return { targets: logTargets, jobId: jobId.slice(0, SHORT_ID_LENGTH), ended: hasEnded };
}
