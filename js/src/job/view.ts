/** The job view, composed of its parts. Independent of anywidget and of kernels. */
import type { Action, ActionMessage } from "../core/actions";
import { createAnnouncer } from "../core/announcer";
import { h, setVisible } from "../core/dom";
import { SHORT_ID_LENGTH } from "../core/text";
import { createLogPanel, type LogPanelState } from "./log/panel";
import type { LogRequest } from "./log/source";
import type { Metric } from "./metrics";
import { createActions } from "./parts/actions";
import { createDetails } from "./parts/details";
import { createFailureCard } from "./parts/failure";
import { createHeader } from "./parts/header";
import { createMatrix } from "./parts/matrix";
import { createMetricCharts } from "./parts/metrics";
import { createNotes } from "./parts/notes";
import { createSites } from "./parts/sites";
import { createSummary } from "./parts/summary";
import { createTimeline } from "./parts/timeline";
import type { JobSnapshot } from "./snapshot";
import { statusCategory } from "./timeline";
import type { JobViewModel } from "./view-model";

export interface JobViewState {
  readonly job: JobSnapshot;
  readonly viewModel: JobViewModel;
  /** The metrics by round; the same list until they change. */
  readonly metrics: readonly Metric[];
  /** The job in one sentence, as in a terminal: the label for screen readers. */
  readonly announcement: string;
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
  /** The chosen value of each choice by name, likewise. */
  readonly choices: Map<string, string>;
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

export function createJobView({ kernelNow, browserNow, send, openSections, choices }: JobViewOptions): JobView {
  const announcer = createAnnouncer();
  const header = createHeader(announcer.announce);
  const summary = createSummary();
  const timeline = createTimeline();
  const failure = createFailureCard(openSections);
  const notes = createNotes();
  const sites = createSites();
  const matrix = createMatrix();
  const metrics = createMetricCharts(openSections, choices);
  const details = createDetails(openSections);
  const log = createLogPanel({ send, announce: announcer.announce });
  const actions = createActions({ send, announce: announcer.announce, now: browserNow });
  const element = h(
    "div",
    { class: "flw-job flw-live", role: "group", tabindex: "-1" },
    header.element,
    summary.element,
    timeline.element,
    failure.element,
    notes.element,
    matrix.element,
    sites.element,
    metrics.element,
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
    const now = kernelNow();
    header.draw(latest.job, now);
    // While the connection is lost, show the time of the last confirmed data.
    const seen = latest.job.connectionProblem && latest.job.updatedAt !== null ? latest.job.updatedAt : now;
    summary.draw(latest.job, latest.viewModel.progress, now);
    matrix.draw(latest.viewModel.matrix, seen);
    details.draw(latest.viewModel.details, now);
    timeline.draw(latest.job, now);
    actions.draw(latest.job, latest.actions, browserNow());
  }

  function draw(next: JobViewState): void {
    const before = latest?.job;
    latest = next;
    element.dataset["tone"] = statusCategory(next.job);
    element.classList.toggle("flw-in-trouble", next.job.connectionProblem !== "" && !next.job.hasEnded);
    element.setAttribute("aria-label", next.announcement);
    failure.draw(next.viewModel.failure, statusCategory(next.job) === "failed");
    notes.draw(next.viewModel.problems, next.viewModel.missingNotes);
    sites.draw(next.job, next.viewModel.matrix !== null);
    metrics.draw(next.metrics);
    setVisible(log.element, next.hasLog);
    if (next.hasLog) log.draw(logState(next.job));
    tick();
    if (before) announceChange(before, next.job);
    const fault = next.viewModel.failure?.summary ?? "";
    if (fault && fault !== announcedFailure) announcer.announce(fault);
    announcedFailure = fault;
    if (next.job.hasEnded && !next.actions.length) stop();
    else ticker ??= setInterval(tick, TICK_MS);
  }

  function announceChange(before: JobSnapshot, job: JobSnapshot): void {
    if (job.status !== before.status) announcer.announce(`${job.name || "job"}: ${job.status}`);
    // Announce only the start of a problem: its text counts attempts, and would be announced again and again.
    else if (job.connectionProblem && !before.connectionProblem) announcer.announce(job.connectionProblem);
    else if (!job.connectionProblem && before.connectionProblem)
      announcer.announce(`${job.name || "job"}: ${job.status}, connected again`);
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
      header.dispose();
      latest = undefined;
      element.remove();
    },
  };
}

function logState({ jobId, sites, hasEnded }: JobSnapshot): LogPanelState {
  const names = sites.map(({ name }) => name).filter((name) => name !== "server");
  return { targets: ["server", ...names], jobId: jobId.slice(0, SHORT_ID_LENGTH), ended: hasEnded };
}
