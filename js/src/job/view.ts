/** The job view: parts put together, and kept up to date. Knows nothing of anywidget or of kernels. */
import type { Action, Wish } from "../lib/actions";
import { announcer } from "../lib/announcer";
import { h, show } from "../lib/dom";
import { type LogFacts, logPanel } from "../lib/log/panel";
import type { LogRequest } from "../lib/log/source";
import { SHORT_ID } from "../lib/text";
import { tone } from "./life";
import { facts } from "./parts/facts";
import { foot } from "./parts/foot";
import { head } from "./parts/head";
import { sites } from "./parts/sites";
import { timeline } from "./parts/timeline";
import type { JobSnapshot } from "./snapshot";

export interface JobFacts {
  readonly job: JobSnapshot;
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

export function jobView({ kernelNow, browserNow, tell }: JobViewOptions): JobView {
  const voice = announcer();
  const top = head(voice.say);
  const line = facts();
  const life = timeline();
  const where = sites();
  const log = logPanel({ tell, announce: voice.say });
  const bottom = foot({ tell, announce: voice.say, clock: browserNow });
  const element = h(
    "div",
    { class: "flw-job flw-live", role: "group", tabindex: "-1" },
    top.element,
    line.element,
    life.element,
    where.element,
    log.element,
    bottom.element,
    voice.element,
  );

  let latest: JobFacts | undefined;
  let ticker: ReturnType<typeof setInterval> | undefined;

  function tick(): void {
    if (!latest) return;
    const now = kernelNow();
    top.draw(latest.job, now);
    line.draw(latest.job, now);
    life.draw(latest.job, now);
    bottom.draw(latest.job, latest.actions, browserNow());
  }

  function draw(next: JobFacts): void {
    const before = latest?.job;
    latest = next;
    element.dataset["tone"] = tone(next.job);
    element.classList.toggle("flw-in-trouble", next.job.trouble !== "" && !next.job.ended);
    element.setAttribute("aria-label", next.sentence);
    where.draw(next.job);
    show(log.element, next.hasLog);
    if (next.hasLog) log.draw(logFacts(next.job));
    tick();
    if (before) speak(before, next.job);
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
