/** The item of the status bar: the current session's jobs in ten characters. */
import { Widget } from "@lumino/widgets";
import { h, setText, setVisible } from "../core/dom";
import { STATUS_GLYPHS, toStatusCategory } from "../core/status";
import type { Link } from "./link";
import { readFacts, type SidebarFacts } from "./sidebar/view-model";

export interface StatusText {
  readonly text: string;
  readonly title: string;
  readonly isTroubled: boolean;
}

/** Return the text of the item; empty while there is no session. */
export function statusText(facts: SidebarFacts, isLost: boolean): StatusText {
  const session = facts.sessions.find(({ isCurrent }) => isCurrent);
  if (!session) return { text: "", title: "", isTroubled: false };
  const waiting = facts.jobs.rows.filter(({ status }) => toStatusCategory(status) === "waiting").length;
  const running = facts.jobs.rows.length - waiting;
  const problem = isLost
    ? "The Jupyter server does not answer."
    : facts.trouble?.words || (session.state === "ready" || session.state === "asleep" ? "" : session.words);
  const counts = [
    running > 0 && `${STATUS_GLYPHS.running} ${running}`,
    waiting > 0 && `${STATUS_GLYPHS.waiting} ${waiting}`,
  ]
    .filter(Boolean)
    .join(" ");
  const inWords = `${running} ${running === 1 ? "job" : "jobs"} running, ${waiting} waiting`;
  return {
    text: ["FLARE", problem ? "!" : "", counts].filter(Boolean).join(" "),
    title: [session.name, inWords, problem, "Click to show the sidebar"].filter(Boolean).join("\n"),
    isTroubled: problem !== "",
  };
}

export class StatusItem extends Widget {
  readonly #stop: (() => void)[];

  constructor(link: Link, onClick: () => void) {
    const button = h("button", { class: "flw-lab-status", type: "button" });
    super({ node: h("div", {}, button) });
    button.addEventListener("click", onClick);
    const draw = (): void => {
      const { text, title, isTroubled } = statusText(readFacts(link.facts), link.state !== "connected");
      setText(button, text);
      setVisible(this.node, text !== "");
      button.title = title;
      button.setAttribute("aria-label", title.split("\n").slice(0, -1).join(", "));
      button.classList.toggle("flw-lab-troubled", isTroubled);
    };
    this.#stop = [link.onFacts(draw), link.onStateChange(draw)];
    draw();
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this.#stop.forEach((stop) => stop());
    super.dispose();
  }
}
