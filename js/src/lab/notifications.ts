/** Notifications when jobs end: one for a burst. The server tells one page of each. */
import { Notification } from "@jupyterlab/apputils";
import type { Link, LinkNotification } from "./link";

export type Wanted = "never" | "failed" | "always";

/** Time in which notifications are collected. */
const BURST_MS = 1000;

export interface Emitted {
  readonly words: string;
  readonly tone: LinkNotification["tone"];
  readonly open: LinkNotification["open"];
}

/** Return one notification for several; the jobs that failed are named, since their reasons matter most. */
export function combine(notifications: readonly LinkNotification[]): Emitted | undefined {
  const [first] = notifications;
  if (!first) return undefined;
  if (notifications.length === 1) return first;
  const failed = notifications.filter(({ tone }) => tone === "failed");
  const [worst] = failed;
  const others = failed.length > 1 ? ` and ${failed.length - 1} more failed` : "";
  const reason = worst ? ` ${worst.words.replace(/\.$/u, "")}${others}.` : "";
  const session = first.open?.args["session"];
  return {
    words: `${notifications.length} jobs ended, ${failed.length} of them failed.${reason}`,
    tone: worst ? "failed" : "done",
    open: { kind: "jobs", args: session === undefined ? {} : { session } },
  };
}

/**
 * @param wanted returns which notifications the reader wants now
 * @param open open what a notification is about
 */
export function showNotifications(
  link: Link,
  wanted: () => Wanted,
  open: (target: { kind: string; args: Readonly<Record<string, unknown>> }) => void,
): () => void {
  let collected: LinkNotification[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function emit(): void {
    timer = undefined;
    const combined = combine(collected);
    collected = [];
    if (!combined) return;
    const { words, tone, open: target } = combined;
    const type = tone === "failed" ? "error" : tone === "done" ? "success" : "info";
    const actions = target ? [{ label: "Open", callback: () => open(target) }] : [];
    Notification.emit(words, type, { autoClose: tone === "failed" ? false : 8000, actions });
  }

  const stop = link.onNotification((notification) => {
    const choice = wanted();
    if (choice === "never" || (choice === "failed" && notification.tone !== "failed")) return;
    collected.push(notification);
    timer ??= setTimeout(emit, BURST_MS);
  });
  return () => {
    stop();
    clearTimeout(timer);
  };
}
