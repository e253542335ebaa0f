/** First lines: whether the server answers, whose session this is, and how old all of it is. */
import { h, setText, show } from "../../core/dom";
import { ago } from "../../core/text";
import { exactMoment } from "../../core/time";
import type { SystemSnapshot } from "../snapshot";
import { GLYPHS, STALE_AFTER, serverState } from "../format";

export interface Head {
  readonly element: HTMLElement;
  draw(system: SystemSnapshot, now: number): void;
}

export function head(): Head {
  const glyph = h("span", { class: "flw-glyph", "aria-hidden": "true" });
  const word = h("span", { class: "flw-word" });
  const pill = h("strong", { class: "flw-pill" }, glyph, word);
  const name = h("strong", { class: "flw-name" });
  const fresh = h("span", { class: "flw-fresh" });
  const who = h("span");
  const study = h("span");
  const counts = h("span", { class: "flw-elapsed" });
  const element = h(
    "div",
    {},
    h("div", { class: "flw-head" }, pill, name, fresh),
    h("div", { class: "flw-facts" }, counts, who, study),
  );
  return {
    element,
    draw(system, now) {
      const old = system.factsAt === null ? null : Math.max(0, now - system.factsAt);
      const stale = old !== null && old > STALE_AFTER;
      const state = serverState(system, now);
      pill.className = `flw-pill flw-state-${state.tone}${system.trouble || stale ? " flw-doubtful" : ""}`;
      setText(glyph, GLYPHS[state.tone]);
      // The last state, struck through, while nobody confirms it.
      setText(word, system.factsAt === null ? state.words : "connected");
      setText(name, system.address || "FLARE server");
      fresh.classList.toggle("flw-stale", stale);
      setText(
        fresh,
        old === null ? "no answer from the server yet" : stale ? `! last heard of ${ago(old)}` : `updated ${ago(old)}`,
      );
      fresh.title = system.factsAt === null ? "" : `the server last answered ${exactMoment(system.factsAt)}`;
      setText(counts, countWords(system));
      show(counts, system.factsAt !== null);
      const mandate = [system.role.replaceAll("_", " "), system.organization].filter(Boolean).join(", ");
      setText(who, [system.username, mandate && `(${mandate})`].filter(Boolean).join(" "));
      show(who, who.textContent !== "");
      setText(study, `study ${system.study}`);
      show(study, system.study !== "");
    },
  };
}

function countWords(system: SystemSnapshot): string {
  const here = system.sites.filter((site) => site.connected).length;
  const sites = here === 0 ? "no site is connected" : `${here} ${here === 1 ? "site" : "sites"} connected`;
  const jobs = system.jobs.length;
  return `${sites}, ${jobs === 0 ? "no job is running" : `${jobs} ${jobs === 1 ? "job" : "jobs"} running`}`;
}
