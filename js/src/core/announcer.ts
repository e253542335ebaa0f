import { h, setText } from "./dom";

/**
 * Announcements to a screen reader: the few events worth an interruption, never ticking numbers.
 */
export interface Announcer {
  readonly element: HTMLElement;
  announce(message: string): void;
}

export function createAnnouncer(): Announcer {
  const element = h("div", { class: "flw-spoken", role: "status", "aria-live": "polite" });
  return { element, announce: (words) => setText(element, words) };
}
