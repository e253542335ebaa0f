import { type Model, send } from "./anywidget-model";

/**
 * Whether anybody can see a view: it is in a tab that is shown, and scrolled to. A kernel that knows does not ask a
 * server for what nobody looks at.
 */

/** Seconds between two assurances that somebody still looks; a tab that is closed cannot say that it was. */
const RENEW_INTERVAL_S = 20;

/**
 * @param element what is looked at
 * @param onChange called with whether it is visible: when that changes, and now and then while it is
 * @returns what ends it
 */
export function trackVisibility(element: HTMLElement, onChange: (visible: boolean) => void): () => void {
  // A host that cannot tell what is in sight has to be believed that all is.
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

/** Keep a model's kernel told whether this display of it is in sight (flare_widgets/views/lookers.py hears it). */
export function reportVisibility(model: Model, element: HTMLElement): () => void {
  const display = `${Date.now()}-${Math.random()}-${++displayCount}`;
  return trackVisibility(element, (on) => send(model, { kind: "visible", display, on }));
}
