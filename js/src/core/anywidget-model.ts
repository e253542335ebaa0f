/** The part of anywidget's interface that the views use. */
export type Listener = (first: unknown) => void;

export interface Model {
  get(name: string): unknown;
  on(event: string, listener: Listener): void;
  off(event: string, listener: Listener): void;
  send(content: unknown): void;
}

export interface RenderContext {
  readonly model: Model;
  readonly el: HTMLElement;
}

/** Listen to a model; the returned function stops it. */
export function listen(model: Model, events: readonly string[], listener: Listener): () => void {
  for (const event of events) model.on(event, listener);
  return () => {
    for (const event of events) model.off(event, listener);
  };
}

/** Send the kernel a message. Without a kernel it goes nowhere, and the ages in a view say so. */
export function send(model: Model, message: unknown): void {
  try {
    model.send(message);
  } catch (error) {
    console.debug("flare-widgets: the kernel cannot be reached", error);
  }
}
