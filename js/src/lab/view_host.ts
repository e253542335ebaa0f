/**
 * The view of a model in an element of the page: the very module that anywidget loads in a notebook, imported from the
 * server's own address.
 */
import type { RenderContext } from "../core/anywidget-model";
import type { PeerState, Place, Target } from "../core/place";
import type { Link } from "./link";
import type { RemoteModel } from "./model";

/** A module as anywidget specifies it. */
interface ViewModule {
  initialize?(context: { model: RemoteModel }): unknown;
  render(context: RenderContext): unknown;
}

/** Load the module of a view, with its style sheet in the page. */
export type LoadView = (view: string) => Promise<unknown>;

/** What a view's tab can do for it. */
export interface TabPlace {
  readonly open: (target: Target) => void;
  readonly showFolder?: ((path: string) => void) | undefined;
  recall(key: string): unknown;
  remember(key: string, value: unknown): void;
}

interface Initialized {
  readonly module: ViewModule;
  readonly dispose: () => void;
  views: number;
}

export class ViewHost {
  /** A model is initialized once, whatever the number of its views. */
  readonly #initialized = new Map<RemoteModel, Promise<Initialized>>();

  constructor(
    private readonly link: Link,
    private readonly load: LoadView,
  ) {}

  /** Show a model in an element; the returned function removes the view. */
  async render(model: RemoteModel, el: HTMLElement, tab: TabPlace): Promise<() => void> {
    const starting = this.#initialized.get(model) ?? this.#initialize(model);
    this.#initialized.set(model, starting);
    let initialized: Initialized;
    try {
      initialized = await starting;
    } catch (error) {
      this.#initialized.delete(model);
      throw error;
    }
    initialized.views++;
    const dispose = await initialized.module.render({ model, el, place: this.#placeFor(tab) });
    return () => {
      call(dispose);
      el.replaceChildren();
      if (--initialized.views > 0) return;
      this.#initialized.delete(model);
      initialized.dispose();
    };
  }

  async #initialize(model: RemoteModel): Promise<Initialized> {
    const exported = await this.load(model.view);
    const module = (typeof exported === "function" ? await exported() : exported) as ViewModule;
    const dispose = await module.initialize?.({ model });
    return { module, dispose: () => call(dispose), views: 0 };
  }

  #placeFor(tab: TabPlace): Place {
    return new ServerPlace(this.link, tab, (model, into) => this.render(model, into, tab));
  }
}

class ServerPlace implements Place {
  readonly peer = "Jupyter server";
  readonly whenEnded = "The Jupyter server no longer has this view. Open it again.";
  readonly fills = true;
  readonly open: (target: Target) => void;
  readonly showFolder?: (path: string) => void;

  constructor(
    private readonly link: Link,
    private readonly tab: TabPlace,
    private readonly render: (model: RemoteModel, into: HTMLElement) => Promise<() => void>,
  ) {
    this.open = tab.open;
    if (tab.showFolder) this.showFolder = tab.showFolder;
  }

  get peerState(): PeerState {
    // A connection that is back says nothing yet about the view: its next state does.
    return this.link.state === "connected" ? "unknown" : "disconnected";
  }

  onDisconnect(listener: () => void): () => void {
    return this.link.onStateChange(() => {
      if (this.link.state !== "connected") listener();
    });
  }

  async show(modelId: string, into: HTMLElement): Promise<() => void> {
    let remove = (): void => {};
    const view = await new Promise<{ close(): void }>((resolve, reject) => {
      const opened = this.link.open(modelId, {
        model: (model) => {
          void this.render(model, into).then((removeView) => {
            remove = removeView;
            resolve(opened);
          }, reject);
        },
        refused: (words) => reject(new Error(words)),
        gone: (words) => {
          remove();
          into.textContent = words;
        },
      });
    });
    return () => {
      remove();
      view.close();
    };
  }

  recall(key: string): unknown {
    return this.tab.recall(key);
  }

  remember(key: string, value: unknown): void {
    this.tab.remember(key, value);
  }
}

function call(dispose: unknown): void {
  if (typeof dispose === "function") dispose();
}

/** Load a view from the folder beside the container; its sheet is added to the page once. */
export async function loadView(view: string): Promise<unknown> {
  const files = VIEWS[view];
  if (!files) throw new Error("this version of the extension has no such view");
  const address = `${BASE}views/${view}`;
  if (files.hasSheet) await addSheet(`${address}.css?v=${files.hash}`);
  const loaded = (await import(`${address}.js?v=${files.hash}`)) as { default: unknown };
  return loaded.default;
}

const sheets = new Map<string, Promise<void>>();

function addSheet(href: string): Promise<void> {
  const known = sheets.get(href);
  if (known) return known;
  const added = new Promise<void>((resolve, reject) => {
    const sheet = document.createElement("link");
    sheet.rel = "stylesheet";
    sheet.href = href;
    sheet.onload = () => resolve();
    sheet.onerror = () => {
      sheets.delete(href);
      sheet.remove();
      reject(new Error("its style sheet could not be loaded"));
    };
    document.head.append(sheet);
  });
  sheets.set(href, added);
  return added;
}
