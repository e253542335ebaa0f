/**
 * Whether anybody can see a view: it is in a tab that is shown, and scrolled to. A kernel that knows does not ask a
 * server for what nobody looks at.
 */

/** Seconds between two assurances that somebody still looks; a tab that is closed cannot say that it was. */
const RENEW = 20;

export interface Visible {
  dispose(): void;
}

/**
 * @param element what is looked at
 * @param tell called with whether it is visible: when that changes, and now and then while it is
 */
export function whileVisible(element: HTMLElement, tell: (visible: boolean) => void): Visible {
  const { document } = element.ownerDocument.defaultView ?? window;
  let near = false;
  let said = false;
  const say = (): void => {
    const visible = near && document.visibilityState === "visible";
    if (visible || said) tell(visible);
    said = visible;
  };
  const change = (): void => {
    if ((near && document.visibilityState === "visible") !== said) say();
  };
  const observer = new IntersectionObserver((entries) => {
    near = entries.at(-1)?.isIntersecting ?? false;
    change();
  });
  observer.observe(element);
  document.addEventListener("visibilitychange", change);
  const renewal = setInterval(() => said && say(), RENEW * 1000);
  return {
    dispose() {
      observer.disconnect();
      document.removeEventListener("visibilitychange", change);
      clearInterval(renewal);
      if (said) tell(false);
      said = false;
      near = false;
    },
  };
}
