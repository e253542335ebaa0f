import { type Model, send } from "./anywidget-model";

/**
 * Visibility of a view: true while its tab is shown and it is scrolled into view. A kernel that knows this does not
 * poll a server for views that nobody sees.
 */

/** Interval at which visibility is reported again, since a closed tab cannot report anything. */
const RENEW_INTERVAL_S = 20;

/**
 * Report the visibility of an element when it changes, and regularly while it is visible.
 *
 * @param element the element to observe
 * @param onChange called with true while the element is visible
 * @returns a function that stops it
 */
export function trackVisibility(element: HTMLElement, onChange: (visible: boolean) => void): () => void {
  // Without an IntersectionObserver, assume that the element is in the viewport.
  let isIntersecting = typeof IntersectionObserver === "undefined";
  let lastReported = false;
  let renewal: ReturnType<typeof setInterval> | undefined;
  const report = (visible: boolean): void => {
    lastReported = visible;
    clearInterval(renewal);
    if (visible) renewal = setInterval(() => onChange(true), RENEW_INTERVAL_S * 1000);
    onChange(visible);
  };
  const update = (): void => {
    const visible = isIntersecting && document.visibilityState !== "hidden";
    if (visible !== lastReported) report(visible);
  };
  const observer = isIntersecting
    ? undefined
    : new IntersectionObserver((entries) => {
        isIntersecting = entries.at(-1)?.isIntersecting ?? isIntersecting;
        update();
      });
  observer?.observe(element);
  document.addEventListener("visibilitychange", update);
  update();
  return () => {
    observer?.disconnect();
    document.removeEventListener("visibilitychange", update);
    if (lastReported) report(false);
  };
}

let displayCount = 0;

/** Report the visibility of this display to the kernel: see flare_widgets/views/core/visibility.py. */
// In a federation that has ended nothing can be done.
export function reportVisibility(model: Model, element: HTMLElement): () => void {
  const display = `${Date.now()}-${Math.random()}-${++displayCount}`;
  return trackVisibility(element, (on) => send(model, { kind: "visible", display, on }));
}
