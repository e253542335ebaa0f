/** The job view: parts put together, and kept up to date. Knows nothing of anywidget or of kernels. */
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
  /** Its metrics over the rounds; the same list as long as they are the same. */
  readonly metrics: readonly Metric[];
  /** The job in one sentence, as a terminal shows it too: the label that a screen reader hears. */
  readonly announcement: string;
  /** What can be done to it; empty when nothing is offered. */
  readonly actions: readonly Action[];
  /** Whether its logs can be asked for. */
  readonly hasLog: boolean;
}

export interface JobViewOptions {
  /** The kernel's clock, in seconds: what ages and run times are counted against. */
  readonly kernelNow: () => number;
  /** The browser's clock, in seconds. */
  readonly browserNow: () => number;
  /** Send a wish of the user's to the kernel. */
  readonly send: (message: ActionMessage | LogRequest) => void;
  /** Which sections are unfolded, by their names; kept by the caller, for the view that comes after this one. */
  readonly openSections: Map<string, boolean>;
  /** What the user chose to see, likewise. */
  readonly choices: Map<string, string>;
}

export interface JobView {
  readonly element: HTMLElement;
  draw(next: JobViewState): void;
  /** Take a message of the kernel about a log. */
  handleLogMessage(message: unknown): void;
  dispose(): void;
}

/** How often the clocks are looked at; a second must not seem to last two. */
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
    // Without news nobody knows whether it goes on.
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
    // Only its beginning: a sentence that counts attempts would talk without end.
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
