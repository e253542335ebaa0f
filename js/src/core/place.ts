/** The place in which a view is shown: a notebook beside its kernel, or a tab of JupyterLab beside the Jupyter server. */
import { listen, type Model, type RenderContext } from "./anywidget-model";

/**
 * What the host of a view reports about the Python half. `ready` and `busy` are of one that is reached,
 * `unknown` is the report of a host that has none.
 */
export type PeerState = "ready" | "busy" | "disconnected" | "ended" | "unknown";

/** Something that a place can open in a tab of its own. */
export interface Target {
  readonly kind: "jobs" | "job" | "system" | "submit" | "compare" | "results";
  readonly args: Readonly<Record<string, unknown>>;
}

export interface Place {
  /** The name of the Python half's process. */
  readonly peer: "kernel" | "Jupyter server";
  readonly peerState: PeerState;
  /** The end of a Python half that is gone for good, and how to go on. */
  readonly whenEnded: string;
  /** Call a listener when the connection to the Python half may be lost; the returned function stops it. */
  onDisconnect(listener: () => void): () => void;
  /** Show the view of another model in an element; the returned function removes it. */
  show(modelId: string, into: HTMLElement): Promise<() => void>;
  /** Open something in a tab of its own; places without tabs do not have it. */
  readonly open?: (target: Target) => void;
  /** Show a folder in the file browser, by its path there; places without one do not have it. */
  readonly showFolder?: (path: string) => void;
  /** What the reader chose in this view: filter, order. Kept by the place if it can. */
  recall?(key: string): unknown;
  remember?(key: string, value: unknown): void;
  /** The view is as high as its place, instead of as high as its content. */
  readonly fills?: boolean;
}

interface WidgetManager {
  readonly kernel?: { readonly status?: unknown; readonly connectionStatus?: unknown } | null;
  get_model(id: string): Promise<unknown>;
  create_view(model: unknown): Promise<{ readonly el: HTMLElement; remove(): void }>;
}

/** Return the place of a view: the one that its host gives it, else a notebook's. */
export function placeOf({ place, host, model }: RenderContext): Place {
  return place ?? new NotebookPlace(model, host);
}

const ENDED_STATES: ReadonlySet<unknown> = new Set(["restarting", "autorestarting", "terminating", "dead"]);

class NotebookPlace implements Place {
  readonly peer = "kernel";
  readonly whenEnded = "The kernel was shut down. Run the cell again to reconnect.";

  constructor(
    private readonly model: Model,
    private readonly host: RenderContext["host"],
  ) {}

  /** The kernel's state in JupyterLab and Notebook; other hosts do not report it. */
  get peerState(): PeerState {
    try {
      const kernel = this.#manager?.kernel;
      if (kernel === null || ENDED_STATES.has(kernel?.status)) return "ended";
      if (kernel?.status === undefined) return "unknown";
      if (kernel.status === "busy") return "busy";
      const { connectionStatus } = kernel;
      return connectionStatus !== undefined && connectionStatus !== "connected" ? "disconnected" : "ready";
    } catch {
      return "unknown";
    }
  }

  onDisconnect(listener: () => void): () => void {
    return listen(this.model, ["comm_live_update"], listener);
  }

  async show(modelId: string, into: HTMLElement): Promise<() => void> {
    const manager = this.#manager;
    if (manager) {
      const view = await manager.create_view(await manager.get_model(modelId));
      into.replaceChildren(view.el);
      return () => view.remove();
    }
    if (!this.host) throw new Error("this front end cannot nest widgets");
    const ended = new AbortController();
    const widget = await this.host.getWidget(`IPY_MODEL_${modelId}`);
    await widget.render({ el: into, signal: ended.signal });
    return () => ended.abort();
  }

  get #manager(): WidgetManager | undefined {
    return (this.model as { widget_manager?: WidgetManager }).widget_manager;
  }
}
