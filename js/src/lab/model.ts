/** A view's model at the server: the methods that a view takes for anywidget's model. */
import type { Listener, Model } from "../core/anywidget-model";

export class RemoteModel implements Model {
  readonly #traits = new Map<string, unknown>();
  readonly #listeners = new Map<string, Set<Listener>>();

  /**
   * @param id the server's id of the model
   * @param view the name of the bundle that draws it
   * @param post send the server a message; throws without a connection
   */
  constructor(
    readonly id: string,
    readonly view: string,
    private readonly post: (content: unknown) => void,
  ) {}

  get(name: string): unknown {
    return this.#traits.get(name);
  }

  set(name: string, value: unknown): void {
    this.receive({ [name]: value });
  }

  on(event: string, listener: Listener): void {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
  }

  off(event: string, listener: Listener): void {
    this.#listeners.get(event)?.delete(listener);
  }

  send(content: unknown): void {
    this.post(content);
  }

  /** Take traits from the server: all of them are set before anybody hears of one. */
  receive(state: Readonly<Record<string, unknown>>): void {
    const changed = Object.entries(state).filter(([name, value]) => !Object.is(this.#traits.get(name), value));
    for (const [name, value] of changed) this.#traits.set(name, value);
    for (const [name, value] of changed) this.#fire(`change:${name}`, value);
    this.#fire("change", undefined);
  }

  /** Take a message of the view's Python half. */
  receiveMessage(content: unknown): void {
    this.#fire("msg:custom", content);
  }

  #fire(event: string, value: unknown): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) {
      try {
        listener(value);
      } catch (error) {
        // A view that fails must not keep the page's other views from their news.
        console.error("flare-widgets: a view failed", error);
      }
    }
  }
}
