/** The job view: parts put together, and kept up to date. Knows nothing of anywidget or of kernels. */
import type { Action, Wish } from "../core/actions";
import { announcer } from "../core/announcer";
import { h, show } from "../core/dom";
import { type LogFacts, logPanel } from "./log/panel";
import type { LogRequest } from "./log/source";
import { SHORT_ID } from "../core/text";
import { tone } from "./timeline";
import { details } from "./parts/details";
import { facts } from "./parts/summary";
import { faultCard } from "./parts/failure";
import { foot } from "./parts/actions";
import { head } from "./parts/header";
import { matrixPart } from "./parts/matrix";
import { metricCharts } from "./parts/metrics";
import { notes } from "./parts/notes";
import { sites } from "./parts/sites";
import { timeline } from "./parts/timeline";
import type { Metric } from "./metrics";
import type { JobPicture } from "./view-model";
import type { JobSnapshot } from "./snapshot";

export interface JobFacts {
  readonly job: JobSnapshot;
  readonly picture: JobPicture;
  /** Its metrics over the rounds; the same list as long as they are the same. */
  readonly metrics: readonly Metric[];
  /** The job in one sentence, as a terminal shows it too: the label that a screen reader hears. */
  readonly sentence: string;
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
  readonly tell: (wish: Wish | LogRequest) => void;
  /** Which sections are unfolded, by their names; kept by the caller, for the view that comes after this one. */
  readonly unfolded: Map<string, boolean>;
  /** What the user chose to see, likewise. */
  readonly chosen: Map<string, string>;
}

export interface JobView {
  readonly element: HTMLElement;
  draw(next: JobFacts): void;
  /** Take a message of the kernel about a log. */
  takeLog(message: unknown): void;
  dispose(): void;
}

/** How often the clocks are looked at; a second must not seem to last two. */
const TICK = 250;

export function jobView({ kernelNow, browserNow, tell, unfolded, chosen }: JobViewOptions): JobView {
  const voice = announcer();
  const top = head(voice.say);
  const line = facts();
  const life = timeline();
  const why = faultCard(unfolded);
  const more = notes();
  const where = sites();
  const field = matrixPart();
  const curves = metricCharts(unfolded, chosen);
  const rest = details(unfolded);
  const log = logPanel({ tell, announce: voice.say });
  const bottom = foot({ tell, announce: voice.say, clock: browserNow });
  const element = h(
    "div",
    { class: "flw-job flw-live", role: "group", tabindex: "-1" },
    top.element,
    line.element,
    life.element,
    why.element,
    more.element,
    field.element,
    where.element,
    curves.element,
    log.element,
    rest.element,
    bottom.element,
    voice.element,
  );

  let latest: JobFacts | undefined;
  let saidFault = "";
  let ticker: ReturnType<typeof setInterval> | undefined;

  function tick(): void {
    if (!latest) return;
    const now = kernelNow();
    top.draw(latest.job, now);
    // Without news nobody knows whether it goes on.
    const seen = latest.job.trouble && latest.job.factsAt !== null ? latest.job.factsAt : now;
    line.draw(latest.job, latest.picture.progress, now);
    field.draw(latest.picture.matrix, seen);
    rest.draw(latest.picture.details, now);
    life.draw(latest.job, now);
    bottom.draw(latest.job, latest.actions, browserNow());
  }

  function draw(next: JobFacts): void {
    const before = latest?.job;
    latest = next;
    element.dataset["tone"] = tone(next.job);
    element.classList.toggle("flw-in-trouble", next.job.trouble !== "" && !next.job.ended);
    element.setAttribute("aria-label", next.sentence);
    why.draw(next.picture.fault, tone(next.job) === "failed");
    more.draw(next.picture.troubles, next.picture.unknown);
    where.draw(next.job, next.picture.matrix !== null);
    curves.draw(next.metrics);
    show(log.element, next.hasLog);
    if (next.hasLog) log.draw(logFacts(next.job));
    tick();
    if (before) speak(before, next.job);
    const fault = next.picture.fault?.sentence ?? "";
    if (fault && fault !== saidFault) voice.say(fault);
    saidFault = fault;
    if (next.job.ended && !next.actions.length) stop();
    else ticker ??= setInterval(tick, TICK);
  }

  function speak(before: JobSnapshot, job: JobSnapshot): void {
    if (job.status !== before.status) voice.say(`${job.name || "job"}: ${job.status}`);
    // Only its beginning: a sentence that counts attempts would talk without end.
    else if (job.trouble && !before.trouble) voice.say(job.trouble);
    else if (!job.trouble && before.trouble) voice.say(`${job.name || "job"}: ${job.status}, connected again`);
  }

  function stop(): void {
    clearInterval(ticker);
    ticker = undefined;
  }

  return {
    element,
    draw,
    takeLog: log.take,
    dispose() {
      stop();
      log.dispose();
      curves.dispose();
      top.dispose();
      latest = undefined;
      element.remove();
    },
  };
}

function logFacts({ jobId, sites, ended }: JobSnapshot): LogFacts {
  const names = sites.map(({ name }) => name).filter((name) => name !== "server");
  return { targets: ["server", ...names], jobId: jobId.slice(0, SHORT_ID), ended };
}
