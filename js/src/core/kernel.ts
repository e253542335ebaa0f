/**
 * Whether a view's kernel is still there. A kernel that is killed says nothing, and what it said last would be
 * shown for ever as if it were so now.
 *
 * A kernel that has been quiet for some seconds is asked for its clock, which every view's kernel half answers. That
 * works in every front end, but cannot tell a kernel that computes from one that is gone. JupyterLab and Notebook
 * say more: that the connection between a widget and its kernel was cut (`comm_live_update`), and how the kernel is.
 */
import type { Action } from "./actions";
import { listen, type Model } from "./anywidget-model";

/** Seconds without a word after which the kernel is asked for one, and then again. */
export const QUIET_S = 5;
/** Seconds that its answer may take. */
export const TIMEOUT_S = 5;
/** The same when the host has said that the widget was cut off: a kernel that is idle answers at once. */
export const DISCONNECTED_TIMEOUT_S = 2;

const NO_ANSWER = "the kernel does not answer: it is busy, or has ended";
const UNREACHABLE = "the connection to the kernel is lost";
const ENDED = "the kernel has ended, and this view with it: run the cell again";
const ENDED_REASON = "the kernel has ended";

const ENDED_STATES: ReadonlySet<unknown> = new Set(["restarting", "autorestarting", "terminating", "dead"]);

export interface KernelStatus {
  /** Why what is shown is no longer live; empty while it is. */
  readonly problem: string;
  /** Whether no wish can reach it any more. */
  readonly hasEnded: boolean;
  dispose(): void;
}

export interface KernelOptions {
  /** Ask the kernel for any message. Must not throw. */
  readonly probe: () => void;
  readonly onChange: () => void;
  /** Whether anything depends on the kernel still: a view that has nothing more to come is left in peace. */
  readonly isNeeded?: () => boolean;
}

/** Watch a model's kernel, until it is disposed of. */
export function watchKernel(model: Model, { probe, onChange, isNeeded = () => true }: KernelOptions): KernelStatus {
  // Seconds are counted by ticks: those in which a computer slept are not held against the kernel.
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
    if (isNeeded()) ticker ??= setInterval(tick, 1000);
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
    probe();
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
      stop.forEach((undo) => undo());
    },
  };
}

/** Why nothing can be done with this kernel; empty when it can. */
export function disabledReason({ hasEnded }: KernelStatus): string {
  return hasEnded ? ENDED_REASON : "";
}

/** The actions as they can be done with this kernel: none, when it has ended. */
export function disableAll(actions: readonly Action[], kernel: KernelStatus): readonly Action[] {
  const reason = disabledReason(kernel);
  if (!reason) return actions;
  // What was under way, nobody will tell the end of.
  return actions.map((action) => ({ ...action, disabledReason: reason, state: "ready", message: "", progress: null }));
}

/** Apply `disableAll` to the actions of each name. */
export function disableAllByName(
  actions: ReadonlyMap<string, readonly Action[]>,
  kernel: KernelStatus,
): ReadonlyMap<string, readonly Action[]> {
  return new Map([...actions].map(([name, list]) => [name, disableAll(list, kernel)]));
}

/** What a view says of itself, as it is true while there is such trouble: it was so. */
export function prefixStale(problem: string, sentence: string): string {
  return problem ? `${problem}. Before: ${sentence}` : sentence;
}

/** What JupyterLab and Notebook say of the kernel; other hosts say nothing. */
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
