/** The view of another widget inside this one. */
import { h, setText, setVisible } from "../core/dom";
import type { Place } from "../core/place";

export interface NestedWidget {
  readonly element: HTMLElement;
  /** Show the widget of a reference, `IPY_MODEL_` and an id as ipywidgets writes it, or none. */
  draw(reference: unknown): void;
  dispose(): void;
}

/** Time in which a new view grows to its height. */
const GROWING_MS = 2000;
const REFERENCE = /^IPY_MODEL_([0-9a-zA-Z-]{1,64})$/u;

export function createNestedWidget(place: Place, onClose: () => void): NestedWidget {
  const slot = h("div", { class: "flw-child" });
  const status = h("p", { class: "flw-child-words", role: "status" });
  const close = h("button", { class: "flw-button flw-shut", type: "button" }, "Close");
  close.addEventListener("click", onClose);
  const element = h(
    "div",
    { class: "flw-below flw-live flw-plain" },
    h("div", { class: "flw-below-head" }, status, close),
    slot,
  );
  let requestedId = "";
  let remove = (): void => {};
  let stopKeeping = (): void => {};
  setVisible(element, false);

  async function load(id: string): Promise<void> {
    try {
      const into = h("div");
      const removeView = await place.show(id, into);
      if (requestedId !== id) {
        removeView();
        return;
      }
      remove = removeView;
      slot.replaceChildren(into);
      setText(status, "");
      stopKeeping = keepInSight(element);
    } catch (error) {
      if (requestedId === id) setText(status, `Cannot be shown here: ${String(error)}`);
    }
  }

  function clear(): void {
    stopKeeping();
    remove();
    remove = () => {};
    slot.replaceChildren();
    setText(status, "");
  }

  return {
    element,
    draw(reference) {
      const id = typeof reference === "string" ? (REFERENCE.exec(reference)?.[1] ?? "") : "";
      if (id === requestedId) return;
      requestedId = id;
      clear();
      setVisible(element, id !== "");
      if (id) void load(id);
    },
    dispose: clear,
  };
}

/** Scroll to an element, again as it grows: a view is drawn after it was placed. Stops when the reader scrolls. */
function keepInSight(element: HTMLElement): () => void {
  const scroll = (): void => element.scrollIntoView?.({ block: "nearest" });
  scroll();
  if (typeof ResizeObserver === "undefined") return () => {};
  const observer = new ResizeObserver(scroll);
  observer.observe(element);
  const events = ["wheel", "pointerdown", "keydown"] as const;
  const stop = (): void => {
    observer.disconnect();
    clearTimeout(timer);
    for (const event of events) removeEventListener(event, stop, true);
  };
  const timer = setTimeout(stop, GROWING_MS);
  for (const event of events) addEventListener(event, stop, true);
  return stop;
}
