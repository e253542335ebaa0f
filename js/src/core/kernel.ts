/**
 * Liveness of a view's kernel. A killed kernel sends nothing, and its last data would be shown for ever as if current.
 *
 * A kernel that has been quiet for some seconds is probed for its clock, which every view's Python half answers. That
 * works in every front end, but cannot tell a busy kernel from a dead one. JupyterLab and Notebook report more: a lost
 * connection between a widget and its kernel (`comm_live_update`), and the status of the kernel. A view at rest, such as
 * that of an ended job, relies on these reports, so that it costs nothing.
 */
import type { Action } from "./actions";
import { listen, type Model, send } from "./anywidget-model";
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

const NO_ANSWER = "No answer from the kernel (busy or stopped)";
const UNREACHABLE = "Connection to the kernel lost";
const ENDED = "The kernel was shut down. Run the cell again to reconnect.";
const ENDED_REASON = "the kernel was shut down";

const ENDED_STATES: ReadonlySet<unknown> = new Set(["restarting", "autorestarting", "terminating", "dead"]);

export interface KernelStatus {
  /** Reason why the view is no longer live; empty while it is. */
  readonly problem: string;
  /** The kernel is gone for good. */
  readonly hasEnded: boolean;
  dispose(): void;
}

export interface KernelOptions {
  /** The element that anywidget gave the view. */
  readonly el: HTMLElement;
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

/** Watch the kernel of a model until `dispose` is called. */
export function watchKernel(
  model: Model,
  { el, onChange, isNeeded = () => true, isAtRest = () => false }: KernelOptions,
): KernelStatus {
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
    const { status, connection } = hostKernel(model);
    if (isDisconnected && ENDED_STATES.has(status)) setStatus(ENDED, true);
    if (waitedSeconds === undefined || hasEnded) return;
    // A busy kernel answers once it has finished, whatever the host says.
    if (isDisconnected && status !== undefined && status !== "busy" && waitedSeconds >= DISCONNECTED_TIMEOUT_S) {
      const lost = connection !== undefined && connection !== "connected";
      setStatus(lost ? UNREACHABLE : ENDED, !lost);
    } else if (waitedSeconds >= TIMEOUT_S) setStatus(NO_ANSWER);
  }

  const stop = [
    listen(model, ["change", "msg:custom"], onMessage),
    listen(model, ["comm_live_update"], () => {
      if (!isNeeded()) return;
      isDisconnected = true;
      sendProbe();
      evaluate();
    }),
  ];
  const uncover = coverStaticForm(model, el);
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

/** Return the status of the kernel in JupyterLab and Notebook; other hosts do not report it. */
function hostKernel(model: Model): { readonly status?: unknown; readonly connection?: unknown } {
  try {
    const { kernel } =
      (model as { widget_manager?: { kernel?: { status?: unknown; connectionStatus?: unknown } | null } })
        .widget_manager ?? {};
    if (kernel === null) return { status: "dead" };
    return kernel ? { status: kernel.status, connection: kernel.connectionStatus } : {};
  } catch {
    return {};
  }
}
