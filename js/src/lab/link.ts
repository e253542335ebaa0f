/**
 * The websocket between this page and the half of the extension that runs in the Jupyter server: questions and answers,
 * the models of views, the facts of the sidebar. There is one in a page. It comes back by itself, and so does all that
 * is shown: see flare_widgets/lab/socket.py.
 */
import { asBoolean, asRecord, asText, asTexts, type PlainObject } from "../core/validate";
import { RemoteModel } from "./model";

export const PROTOCOL = 1;

/** Limits of the time before the next try, which doubles with each. */
export const FIRST_RETRY_S = 0.5;
export const MAX_RETRY_S = 30;
const JITTER = 0.25;
const MAX_WORDS_CHARS = 500;

export type LinkState =
  | "connecting"
  | "connected"
  /** It was lost, or could not be made; it is tried again. */
  | "lost"
  /** The server has no such extension. */
  | "absent"
  /** This user may not use it. */
  | "forbidden"
  /** Page and server are of different versions. */
  | "outdated";

/** States that another try does not change. */
const FINAL_STATES: readonly LinkState[] = ["absent", "forbidden", "outdated"];

export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { readonly data: unknown }) => void) | null;
  onclose: ((event: unknown) => void) | null;
  send(text: string): void;
  close(): void;
}

export interface Transport {
  openSocket(): Socket;
  /** Return the HTTP status of the extension's status page; 0 if the server does not answer. */
  readStatus(): Promise<number>;
}

export interface Permissions {
  readonly readOnly: boolean;
  readonly mayWrite: boolean;
  readonly mayExecute: boolean;
}

/** What may become of a view that was asked for; a model may come again after a reconnection. */
export interface ViewListener {
  model(model: RemoteModel): void;
  /** @param words the reason, a sentence */
  refused(words: string): void;
  gone(words: string): void;
}

export interface LinkNotification {
  readonly id: string;
  readonly words: string;
  readonly tone: "done" | "failed" | "info";
  readonly open: { readonly kind: string; readonly args: PlainObject } | null;
}

export interface OpenView {
  /** Ask for it again, after a refusal or its end. */
  reopen(): void;
  close(): void;
}

interface View {
  /** A kind of view and its arguments, or the id of a model that another one names. */
  readonly target: { readonly kind: string; readonly args: PlainObject } | string;
  readonly listener: ViewListener;
  ref: number;
  model: string;
  shown: RemoteModel | undefined;
}

interface Question {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

/** The server's refusal to do what it was asked, in words for people. */
export class Refusal extends Error {}

export class Link {
  #state: LinkState = "connecting";
  #socket: Socket | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #delay = FIRST_RETRY_S;
  #wasWelcomed = false;
  #isDisposed = false;
  #lastRef = 0;
  #lostAt: number | null = null;
  #permissions: Permissions = { readOnly: false, mayWrite: true, mayExecute: true };
  readonly #facts = new Map<string, unknown>();
  readonly #views = new Set<View>();
  readonly #models = new Map<string, RemoteModel>();
  readonly #questions = new Map<number, Question>();
  readonly #stateListeners = new Set<() => void>();
  readonly #factListeners = new Set<() => void>();
  readonly #notificationListeners = new Set<(notification: LinkNotification) => void>();
  readonly #page = crypto.randomUUID().slice(0, 8);
  readonly #retryNow = (): void => this.#connectSoon(0);

  constructor(
    private readonly transport: Transport,
    private readonly version: string,
  ) {}

  get state(): LinkState {
    return this.#state;
  }

  /** The browser's time in seconds at which the connection was lost; null while it is not. */
  get lostAt(): number | null {
    return this.#lostAt;
  }

  get permissions(): Permissions {
    return this.#permissions;
  }

  /** The facts of the sidebar by name, as the server last sent them. */
  get facts(): ReadonlyMap<string, unknown> {
    return this.#facts;
  }

  start(): void {
    addEventListener("online", this.#retryNow);
    this.#connect();
  }

  dispose(): void {
    this.#isDisposed = true;
    removeEventListener("online", this.#retryNow);
    clearTimeout(this.#retry);
    this.#socket?.close();
    this.#fail("the page is being closed");
  }

  onStateChange(listener: () => void): () => void {
    return subscribe(this.#stateListeners, listener);
  }

  onFacts(listener: () => void): () => void {
    return subscribe(this.#factListeners, listener);
  }

  onNotification(listener: (notification: LinkNotification) => void): () => void {
    return subscribe(this.#notificationListeners, listener);
  }

  /** Ask the server to do something; a refusal is an error whose message is for people. */
  ask(action: string, args: PlainObject = {}): Promise<unknown> {
    const ref = ++this.#lastRef;
    return new Promise((resolve, reject) => {
      this.#questions.set(ref, { resolve, reject });
      if (!this.#post({ op: "ask", ref, do: action, args })) {
        this.#questions.delete(ref);
        reject(new Refusal("The Jupyter server does not answer."));
      }
    });
  }

  /** Show a view, now and after each reconnection, until it is closed. */
  open(target: View["target"], listener: ViewListener): OpenView {
    const view: View = { target, listener, ref: 0, model: "", shown: undefined };
    this.#views.add(view);
    this.#request(view);
    return {
      reopen: () => {
        if (this.#views.has(view) && !view.shown) this.#request(view);
      },
      close: () => {
        this.#views.delete(view);
        this.#leave(view.model);
      },
    };
  }

  // -- the connection

  #connect(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#wasWelcomed = false;
    let socket: Socket;
    try {
      socket = this.transport.openSocket();
    } catch {
      this.#connectSoon(this.#nextDelay());
      return;
    }
    this.#socket = socket;
    socket.onopen = () => {
      socket.send(JSON.stringify({ op: "hello", protocol: PROTOCOL, version: this.version, page: this.#page }));
    };
    socket.onmessage = ({ data }) => this.#receive(data);
    socket.onclose = () => {
      if (this.#socket === socket) void this.#handleClose();
    };
  }

  async #handleClose(): Promise<void> {
    this.#socket = undefined;
    if (this.#isDisposed || FINAL_STATES.includes(this.#state)) return;
    const wasConnected = this.#wasWelcomed;
    this.#fail("The connection to the Jupyter server was lost.");
    this.#setState("lost");
    // A browser does not tell why a websocket was refused.
    const status = wasConnected ? 200 : await this.transport.readStatus();
    if (this.#isDisposed || this.#socket) return;
    if (status === 404) this.#setState("absent");
    else if (status === 403) this.#setState("forbidden");
    else this.#connectSoon(this.#nextDelay());
  }

  #nextDelay(): number {
    const delay = this.#delay;
    this.#delay = Math.min(MAX_RETRY_S, 2 * delay);
    return delay * (1 + JITTER * (2 * Math.random() - 1));
  }

  #connectSoon(delay: number): void {
    if (this.#isDisposed || this.#socket || FINAL_STATES.includes(this.#state)) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#connect(), delay * 1000);
  }

  #setState(state: LinkState): void {
    if (state === this.#state) return;
    this.#lostAt = state === "connected" ? null : (this.#lostAt ?? Date.now() / 1000);
    this.#state = state;
    for (const listener of [...this.#stateListeners]) listener();
  }

  #fail(words: string): void {
    const questions = [...this.#questions.values()];
    this.#questions.clear();
    for (const { reject } of questions) reject(new Refusal(words));
  }

  #post(message: PlainObject): boolean {
    if (!this.#socket || this.#state !== "connected") return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  // -- messages

  #receive(data: unknown): void {
    let message: PlainObject;
    try {
      message = asRecord(typeof data === "string" ? JSON.parse(data) : null);
    } catch {
      return;
    }
    const words = asText(message["why"], MAX_WORDS_CHARS);
    const id = asText(message["model"]);
    switch (message["op"]) {
      case "welcome":
        this.#handleWelcome(message);
        break;
      case "opened":
        this.#handleOpened(message["ref"], id);
        break;
      case "refused":
        this.#handleRefused(message["ref"], words);
        break;
      case "done":
        this.#takeQuestion(message["ref"])?.resolve(message["value"]);
        break;
      case "state":
        this.#handleState(id, asText(message["view"]), asRecord(message["state"]));
        break;
      case "update":
        this.#models.get(id)?.receive(asRecord(message["state"]));
        break;
      case "custom":
        this.#models.get(id)?.receiveMessage(message["content"]);
        break;
      case "gone":
        this.#handleGone(id, words);
        break;
      case "sidebar":
        for (const [name, value] of Object.entries(asRecord(message["set"]))) this.#facts.set(name, value);
        for (const listener of [...this.#factListeners]) listener();
        break;
      case "notification":
        this.#handleNotification(message);
        break;
      default: // of a later version
    }
  }

  #handleWelcome(message: PlainObject): void {
    if (message["protocol"] !== PROTOCOL) {
      this.#setState("outdated");
      this.#socket?.close();
      return;
    }
    const may = asTexts(message["may"]);
    this.#permissions = {
      readOnly: asBoolean(message["read_only"]),
      mayWrite: may.includes("write"),
      mayExecute: may.includes("execute"),
    };
    this.#wasWelcomed = true;
    this.#delay = FIRST_RETRY_S;
    this.#setState("connected");
    for (const view of [...this.#views]) this.#request(view);
  }

  #handleNotification(message: PlainObject): void {
    const open = asRecord(message["open"]);
    const notification: LinkNotification = {
      id: asText(message["id"]),
      words: asText(message["words"], MAX_WORDS_CHARS),
      tone: message["tone"] === "done" || message["tone"] === "failed" ? message["tone"] : "info",
      open: typeof open["kind"] === "string" ? { kind: asText(open["kind"]), args: asRecord(open["args"]) } : null,
    };
    for (const listener of [...this.#notificationListeners]) listener(notification);
  }

  #takeQuestion(ref: unknown): Question | undefined {
    const question = typeof ref === "number" ? this.#questions.get(ref) : undefined;
    if (question) this.#questions.delete(ref as number);
    return question;
  }

  // -- views and their models

  /** Ask for a view; without a connection, that is done after the next welcome. */
  #request(view: View): void {
    view.ref = ++this.#lastRef;
    if (typeof view.target === "string") {
      view.model = view.target;
      this.#post({ op: "follow", model: view.target });
    } else this.#post({ op: "open", ref: view.ref, kind: view.target.kind, args: view.target.args });
  }

  #handleOpened(ref: unknown, id: string): void {
    const view = this.#viewOf(ref);
    if (!view || !id) return;
    const before = view.model;
    view.model = id;
    if (before && before !== id) this.#leave(before);
    const known = this.#models.get(id);
    // Also when it is known: its state makes up for what was missed without a connection.
    this.#post({ op: "follow", model: id });
    if (known && view.shown !== known) this.#show(view, known);
  }

  #handleRefused(ref: unknown, words: string): void {
    const question = this.#takeQuestion(ref);
    if (question) question.reject(new Refusal(words));
    const view = this.#viewOf(ref);
    if (!view) return;
    this.#leave(view.model);
    view.model = "";
    view.shown = undefined;
    view.listener.refused(words);
  }

  #handleState(id: string, bundle: string, state: PlainObject): void {
    const views = [...this.#views].filter((view) => view.model === id);
    if (views.length === 0) return;
    const known = this.#models.get(id);
    if (known) known.receive(state);
    else {
      const model = new RemoteModel(id, bundle, (content) => {
        if (!this.#post({ op: "send", model: id, content })) throw new Error("no connection to the Jupyter server");
      });
      model.receive(state);
      this.#models.set(id, model);
    }
    const model = this.#models.get(id);
    for (const view of views) if (model && view.shown !== model) this.#show(view, model);
  }

  #show(view: View, model: RemoteModel): void {
    view.shown = model;
    view.listener.model(model);
  }

  #handleGone(id: string, words: string): void {
    this.#models.delete(id);
    for (const view of [...this.#views]) {
      if (view.model !== id) continue;
      view.model = "";
      view.shown = undefined;
      view.listener.gone(words);
    }
  }

  /** Stop following a model that no view shows any more. */
  #leave(id: string): void {
    if (!id || [...this.#views].some(({ model }) => model === id)) return;
    this.#models.delete(id);
    this.#post({ op: "leave", model: id });
  }

  #viewOf(ref: unknown): View | undefined {
    return [...this.#views].find((view) => view.ref === ref);
  }
}

function subscribe<T>(listeners: Set<T>, listener: T): () => void {
  listeners.add(listener);
  return () => void listeners.delete(listener);
}
