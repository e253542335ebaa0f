import { type Model, tell } from "./anywidget-model";

/**
 * Whether anybody can see a view: it is in a tab that is shown, and scrolled to. A kernel that knows does not ask a
 * server for what nobody looks at.
 */

/** Seconds between two assurances that somebody still looks; a tab that is closed cannot say that it was. */
const RENEW = 20;

/**
 * @param element what is looked at
 * @param tell called with whether it is visible: when that changes, and now and then while it is
 * @returns what ends it
 */
export function whileVisible(element: HTMLElement, tell: (visible: boolean) => void): () => void {
  // A host that cannot tell what is in sight has to be believed that all is.
  let near = typeof IntersectionObserver === "undefined";
  let said = false;
  let renewal: ReturnType<typeof setInterval> | undefined;
  const say = (visible: boolean): void => {
    said = visible;
    clearInterval(renewal);
    if (visible) renewal = setInterval(() => tell(true), RENEW * 1000);
    tell(visible);
  };
  const change = (): void => {
    const visible = near && document.visibilityState !== "hidden";
    if (visible !== said) say(visible);
  };
  const observer = near
    ? undefined
    : new IntersectionObserver((entries) => {
        near = entries.at(-1)?.isIntersecting ?? near;
        change();
      });
  observer?.observe(element);
  document.addEventListener("visibilitychange", change);
  change();
  return () => {
    observer?.disconnect();
    document.removeEventListener("visibilitychange", change);
    if (said) say(false);
  };
}

let displays = 0;

/** Keep a model's kernel told whether this display of it is in sight (flare_widgets/views/lookers.py hears it). */
export function tellSight(model: Model, element: HTMLElement): () => void {
  const display = `${Date.now()}-${Math.random()}-${++displays}`;
  return whileVisible(element, (on) => tell(model, { kind: "visible", display, on }));
}
