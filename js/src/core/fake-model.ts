/** Fakes of anywidget's model and of a place with tabs, for tests. */
import type { Listener, Model } from "./anywidget-model";
import type { PeerState, Place, Target } from "./place";

export class FakeModel<Sent = unknown> implements Model {
  readonly sent: Sent[] = [];
  readonly listeners = new Map<string, Set<Listener>>();

  constructor(readonly traits: Record<string, unknown>) {}

  get(name: string): unknown {
    return this.traits[name];
  }
  set(name: string, value: unknown): void {
    this.receive({ [name]: value });
  }
  on(event: string, listener: Listener): void {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(listener));
  }
  off(event: string, listener: Listener): void {
    this.listeners.get(event)?.delete(listener);
  }
  send(content: unknown): void {
    this.sent.push(content as Sent);
  }
  fire(event: string, value?: unknown): void {
    for (const listener of this.listeners.get(event) ?? []) listener(value);
  }
  /** Set traits as a message of the kernel does. */
  receive(traits: Record<string, unknown>): void {
    Object.assign(this.traits, traits);
    for (const name of Object.keys(traits)) this.fire(`change:${name}`);
  }
  get listening(): number {
    return [...this.listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }
}

/** A tab of JupyterLab, whose peer is the Jupyter server. */
export class FakePlace implements Place {
  readonly peer = "Jupyter server";
  readonly whenEnded = "The view has ended.";
  readonly fills = true;
  readonly opened: Target[] = [];
  readonly choices = new Map<string, unknown>();
  readonly #listeners = new Set<() => void>();
  peerState: PeerState = "unknown";

  onDisconnect(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }
  disconnect(): void {
    this.peerState = "disconnected";
    for (const listener of this.#listeners) listener();
  }
  async show(): Promise<() => void> {
    throw new Error("not in this test");
  }
  readonly open = (target: Target): void => void this.opened.push(target);
  recall(key: string): unknown {
    return this.choices.get(key);
  }
  remember(key: string, value: unknown): void {
    this.choices.set(key, value);
  }
  get listening(): number {
    return this.#listeners.size;
  }
}
