import { h, setText } from "./dom";

/**
 * Announcements to a screen reader: the few events worth an interruption, never ticking numbers.
 */
export interface Announcer {
  readonly element: HTMLElement;
  announce(message: string): void;
}

/** @param role `alert` to interrupt the reader */
export function createAnnouncer(role: "status" | "alert" = "status"): Announcer {
  const live = role === "alert" ? "assertive" : "polite";
  const element = h("div", { class: "flw-spoken", role, "aria-live": live });
  return { element, announce: (words) => setText(element, words) };
}
