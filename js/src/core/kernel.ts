/**
 * Liveness of a view's kernel. A killed kernel sends nothing, and its last data would be shown for ever as if current.
 *
 * A kernel that has been quiet for some seconds is probed for its clock, which every view's Python half answers. That
 * works in every front end, but cannot tell a busy kernel from a dead one. JupyterLab and Notebook report more: a lost
 * connection between a widget and its kernel (`comm_live_update`), and the status of the kernel. A view at rest, such as
 * that of an ended job, relies on these reports, so that it costs nothing.
 */
import type { Action } from "./actions";
import { listen, type Model, type RenderContext, send } from "./anywidget-model";
import { keepStaticForm } from "./notebook-outputs";
import { placeOf } from "./place";
import { coverStaticForm } from "./static-form";
import { withoutPeriod } from "./text";

/** Time without a message after which the kernel is probed, and between two probes. */
export const QUIET_S = 5;
/** Time that the answer to a probe may take. */
export const TIMEOUT_S = 5;
/** The same once the host has reported a lost connection: an idle kernel answers at once. */
export const DISCONNECTED_TIMEOUT_S = 2;

/** The state of a view whose kernel does not answer, in two words. */
export const KERNEL_LOST = "not live";

const ENDED_REASON = "the kernel was shut down";

export interface KernelStatus {
  /** Reason why the view is no longer live; empty while it is. */
  readonly problem: string;
  /** The kernel is gone for good. */
  readonly hasEnded: boolean;
  dispose(): void;
}

export interface KernelOptions {
  readonly onChange: () => void;
  /** Return true while the view depends on the kernel; otherwise it is not probed. */
  readonly isNeeded?: () => boolean;
  /** Return true while nothing in the view changes by itself; then the kernel is probed only when the host lost it. */
  readonly isAtRest?: () => boolean;
}

/** Ask the kernel for its clock, which it answers at once; tell it the reader's time zone. */
export function askForClock(model: Model): void {
  send(model, { kind: "clock", zone: new Intl.DateTimeFormat().resolvedOptions().timeZone });
}

/** Watch the kernel of a view, or the server in a tab of JupyterLab, until `dispose` is called. */
export function watchKernel(
  context: RenderContext,
  { onChange, isNeeded = () => true, isAtRest = () => false }: KernelOptions,
): KernelStatus {
  const { model, el } = context;
  const place = placeOf(context);
  // Count ticks, not clock time, so that a suspended computer does not make the kernel seem silent.
  let quietSeconds = 0;
  let waitedSeconds: number | undefined;
  let isDisconnected = false;
  let problem = "";
  let hasEnded = false;
  let ticker: ReturnType<typeof setInterval> | undefined;

  function setStatus(nextProblem: string, nextEnded = false): void {
    if (nextProblem === problem && nextEnded === hasEnded) return;
    problem = nextProblem;
    hasEnded = nextEnded;
    onChange();
  }

  function onMessage(): void {
    quietSeconds = 0;
    waitedSeconds = undefined;
    isDisconnected = false;
    setStatus("");
    startTicking();
  }

  function startTicking(): void {
    if (isNeeded() && (waitedSeconds !== undefined || !isAtRest())) ticker ??= setInterval(tick, 1000);
    else stopTicking();
  }

  function stopTicking(): void {
    clearInterval(ticker);
    ticker = undefined;
  }

  function tick(): void {
    quietSeconds++;
    if (waitedSeconds !== undefined) waitedSeconds++;
    if (quietSeconds >= QUIET_S) sendProbe();
    evaluate();
  }

  function sendProbe(): void {
    waitedSeconds ??= 0;
    quietSeconds = 0;
    askForClock(model);
    startTicking();
  }

  function evaluate(): void {
    const { peer, peerState, whenEnded } = place;
    if (isDisconnected && peerState === "ended") setStatus(whenEnded, true);
    if (waitedSeconds === undefined || hasEnded) return;
    // A busy kernel answers once it has finished, whatever the host says.
    const isReported = peerState === "ready" || peerState === "disconnected";
    if (isDisconnected && isReported && waitedSeconds >= DISCONNECTED_TIMEOUT_S) {
      if (peerState === "disconnected") setStatus(`Connection to the ${peer} lost`);
      else setStatus(whenEnded, true);
    } else if (waitedSeconds >= TIMEOUT_S) setStatus(`No answer from the ${peer} (busy or stopped)`);
  }

  const stop = [
    listen(model, ["change", "msg:custom"], onMessage),
    place.onDisconnect(() => {
      if (!isNeeded()) return;
      isDisconnected = true;
      sendProbe();
      evaluate();
    }),
  ];
  const uncover = coverStaticForm(model, el);
  const leaveStaticForm = keepStaticForm(model);
  // Only the kernel can tell a view that is opened late how old its data is.
  askForClock(model);
  startTicking();

  return {
    get problem() {
      return problem;
    },
    get hasEnded() {
      return hasEnded;
    },
    dispose() {
      stopTicking();
      uncover();
      leaveStaticForm();
      stop.forEach((undo) => undo());
    },
  };
}

/** Return the reason why actions are disabled; empty while the kernel lives. */
export function disabledReason({ hasEnded }: KernelStatus): string {
  return hasEnded ? ENDED_REASON : "";
}

/** Return the actions, all of them disabled if the kernel has ended. */
export function disableAll(actions: readonly Action[], kernel: KernelStatus): readonly Action[] {
  const reason = disabledReason(kernel);
  if (!reason) return actions;
  // Nobody will report the outcome of running actions any more.
  return actions.map((action) => ({ ...action, disabledReason: reason, state: "ready", message: "", progress: null }));
}

/** Apply `disableAll` to the actions of each name. */
export function disableAllByName(
  actions: ReadonlyMap<string, readonly Action[]>,
  kernel: KernelStatus,
): ReadonlyMap<string, readonly Action[]> {
  return new Map([...actions].map(([name, list]) => [name, disableAll(list, kernel)]));
}

/** Mark a view's announcement as outdated while its kernel has a problem. */
export function prefixStale(problem: string, sentence: string): string {
  return problem ? `${withoutPeriod(problem)}. Before: ${sentence}` : sentence;
}
