/** The part of anywidget's interface that the views use, and models whose traits have types. */
import type { Place } from "./place";

export type Listener = (first: unknown) => void;

/** A model as anywidget gives it: any trait may be asked for, and any value may come. */
export interface Model {
  get(name: string): unknown;
  /** Set a trait in this page only. */
  set(name: string, value: unknown): void;
  on(event: string, listener: Listener): void;
  off(event: string, listener: Listener): void;
  send(content: unknown): void;
}

export interface RenderContext {
  readonly model: Model;
  readonly el: HTMLElement;
  /** Access to other widgets, in hosts that have anywidget 0.11 or follow its protocol. */
  readonly host?: { getWidget(reference: string): Promise<HostWidget> };
  /** The place in which the view is shown, from a host of our own. */
  readonly place?: Place;
}

interface HostWidget {
  render(options: { readonly el: HTMLElement; readonly signal: AbortSignal }): unknown;
}

/** Validators of a view's traits, by the names that they have in Python. */
export type TraitReaders<Traits> = { readonly [Name in keyof Traits]: (value: unknown) => Traits[Name] };

/**
 * A model seen through the traits of one view: each value is validated as it is read, and a misspelled name is a type
 * error. A value is validated once; the result is kept until the kernel sends another value.
 */
export class TypedModel<Traits> {
  readonly #read = new Map<string, { readonly raw: unknown; readonly value: unknown }>();

  constructor(
    readonly model: Model,
    private readonly readers: TraitReaders<Traits>,
  ) {}

  /** Return the validated value of a trait. */
  get<Name extends keyof Traits & string>(name: Name): Traits[Name] {
    const raw = this.model.get(name);
    const known = this.#read.get(name);
    if (known && Object.is(known.raw, raw)) return known.value as Traits[Name];
    const value = this.readers[name](raw);
    this.#read.set(name, { raw, value });
    return value;
  }

  /** Listen to changes of some traits; the returned function stops it. */
  onChange(names: readonly (keyof Traits & string)[], listener: () => void): () => void {
    return listen(
      this.model,
      names.map((name) => `change:${name}`),
      listener,
    );
  }

  /** Listen to the kernel's messages; the returned function stops it. */
  onMessage(listener: Listener): () => void {
    return listen(this.model, ["msg:custom"], listener);
  }

  /** Send the kernel a message. */
  send(message: unknown): void {
    send(this.model, message);
  }
}

/** Listen to a model; the returned function stops it. */
export function listen(model: Model, events: readonly string[], listener: Listener): () => void {
  for (const event of events) model.on(event, listener);
  return () => {
    for (const event of events) model.off(event, listener);
  };
}

/** Send the kernel a message. Without a kernel the message is dropped, and the view shows the age of its data. */
export function send(model: Model, message: unknown): void {
  try {
    model.send(message);
  } catch (error) {
    console.debug("flare-widgets: the kernel cannot be reached", error);
  }
}
