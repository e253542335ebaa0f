/**
 * Whether a view's kernel is still there. A kernel that is killed says nothing, and what it said last would be
 * shown for ever as if it were so now.
 *
 * A kernel that has been quiet for some seconds is asked for its clock, which every view's kernel half answers. That
 * works in every front end, but cannot tell a kernel that computes from one that is gone. JupyterLab and Notebook
 * say more: that the connection between a widget and its kernel was cut (`comm_live_update`), and how the kernel is.
 */
import type { Action } from "./actions";
import { type Model, listen } from "./anywidget-model";

/** Seconds without a word after which the kernel is asked for one, and then again. */
export const QUIET = 5;
/** Seconds that its answer may take. */
export const PATIENCE = 5;
/** The same when the host has said that the widget was cut off: a kernel that is idle answers at once. */
export const HASTE = 2;

const SILENT = "the kernel does not answer: it is busy, or has ended";
const UNREACHABLE = "the connection to the kernel is lost";
const ENDED = "the kernel has ended, and this view with it: run the cell again";
const GREY = "the kernel has ended";

const GONE: ReadonlySet<unknown> = new Set(["restarting", "autorestarting", "terminating", "dead"]);

export interface Kernel {
  /** Why what is shown is no longer live; empty while it is. */
  readonly trouble: string;
  /** Whether no wish can reach it any more. */
  readonly ended: boolean;
  dispose(): void;
}

export interface KernelOptions {
  /** Ask the kernel for any message. Must not throw. */
  readonly ask: () => void;
  readonly changed: () => void;
  /** Whether anything depends on the kernel still: a view that has nothing more to come is left in peace. */
  readonly needed?: () => boolean;
}

/** Watch a model's kernel, until it is disposed of. */
export function watchKernel(model: Model, { ask, changed, needed = () => true }: KernelOptions): Kernel {
  // Seconds are counted by ticks: those in which a computer slept are not held against the kernel.
  let quiet = 0;
  let waited: number | undefined;
  let cut = false;
  let trouble = "";
  let ended = false;
  let ticker: ReturnType<typeof setInterval> | undefined;

  function become(words: string, over = false): void {
    if (words === trouble && over === ended) return;
    trouble = words;
    ended = over;
    changed();
  }

  function heard(): void {
    quiet = 0;
    waited = undefined;
    cut = false;
    become("");
    watch();
  }

  function watch(): void {
    if (needed()) ticker ??= setInterval(tick, 1000);
    else rest();
  }

  function rest(): void {
    clearInterval(ticker);
    ticker = undefined;
  }

  function tick(): void {
    quiet++;
    if (waited !== undefined) waited++;
    if (quiet >= QUIET) inquire();
    judge();
  }

  function inquire(): void {
    waited ??= 0;
    quiet = 0;
    ask();
  }

  function judge(): void {
    const { status, connection } = hostKernel(model);
    if (cut && GONE.has(status)) become(ENDED, true);
    else if (waited === undefined || ended) return;
    // One that computes answers when it has done so, whatever the host says.
    else if (cut && status !== undefined && status !== "busy" && waited >= HASTE) {
      const lost = connection !== undefined && connection !== "connected";
      become(lost ? UNREACHABLE : ENDED, !lost);
    } else if (waited >= PATIENCE) become(SILENT);
  }

  const stop = [
    listen(model, ["change", "msg:custom"], heard),
    listen(model, ["comm_live_update"], () => {
      if (!needed()) return;
      cut = true;
      inquire();
      judge();
    }),
  ];
  watch();

  return {
    get trouble() {
      return trouble;
    },
    get ended() {
      return ended;
    },
    dispose() {
      rest();
      stop.forEach((undo) => undo());
    },
  };
}

/** Why nothing can be done with this kernel; empty when it can. */
export function whyGrey({ ended }: Kernel): string {
  return ended ? GREY : "";
}

/** The actions as they can be done with this kernel: none, when it has ended. */
export function doable(actions: readonly Action[], kernel: Kernel): readonly Action[] {
  const reason = whyGrey(kernel);
  if (!reason) return actions;
  // What was under way, nobody will tell the end of.
  return actions.map((action) => ({ ...action, reason, state: "ready", words: "", progress: null }));
}

/** What a view says of itself, as it is true while there is such trouble: it was so. */
export function before(trouble: string, sentence: string): string {
  return trouble ? `${trouble}. Before: ${sentence}` : sentence;
}

/** What JupyterLab and Notebook say of the kernel; other hosts say nothing. */
function hostKernel(model: Model): { readonly status?: unknown; readonly connection?: unknown } {
  try {
    const { kernel } = (model as { widget_manager?: { kernel?: { status?: unknown; connectionStatus?: unknown } | null } })
      .widget_manager ?? {};
    if (kernel === null) return { status: "dead" };
    return kernel ? { status: kernel.status, connection: kernel.connectionStatus } : {};
  } catch {
    return {};
  }
}
