/** First lines: status of the server, user and study of the session, and the age of the data. */
import { h, setText, setVisible } from "../../core/dom";
import { KERNEL_LOST } from "../../core/kernel";
import { SEVERITY_GLYPHS, severityAt, textAt } from "../../core/live-text";
import { formatExactTime } from "../../core/time";
import type { SystemViewState } from "../view-model";

export interface Header {
  readonly element: HTMLElement;
  draw(state: SystemViewState, now: number): void;
}

export function createHeader(): Header {
  const glyph = h("span", { class: "flw-glyph", "aria-hidden": "true" });
  const stateText = h("span", { class: "flw-word" });
  const pill = h("strong", { class: "flw-pill" }, glyph, stateText);
  const name = h("strong", { class: "flw-name" });
  const freshness = h("span", { class: "flw-fresh" });
  const user = h("span");
  const study = h("span");
  const counts = h("span", { class: "flw-elapsed" });
  const element = h(
    "div",
    {},
    h("div", { class: "flw-head" }, pill, name, freshness),
    h("div", { class: "flw-facts" }, counts, user, study),
  );
  return {
    element,
    draw({ system, kernelProblem, confirmedAt }, now) {
      const isStale = severityAt(system.freshness, now) === "warn";
      const severity = kernelProblem ? "warn" : severityAt(system.state, now);
      pill.className = `flw-pill flw-state-${severity}`;
      setText(glyph, SEVERITY_GLYPHS[severity]);
      setText(stateText, kernelProblem ? KERNEL_LOST : textAt(system.state, now));
      setText(name, system.address);
      freshness.classList.toggle("flw-stale", isStale);
      setText(freshness, textAt(system.freshness, now));
      freshness.title =
        system.updatedAt === null ? "" : `the server last answered ${formatExactTime(system.updatedAt)}`;
      const countsText = textAt(system.counts, Math.min(now, confirmedAt));
      setText(counts, countsText);
      setVisible(counts, countsText !== "");
      setText(user, system.user);
      setVisible(user, system.user !== "");
      setText(study, `study ${system.study}`);
      setVisible(study, system.study !== "");
    },
  };
}
