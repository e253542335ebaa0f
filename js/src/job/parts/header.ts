/** First line: the status, the job's name, its id, and how old all of this is. */
import { copyButton } from "../../core/copy";
import { h, setText, show } from "../../core/dom";
import { SHORT_ID, ago } from "../../core/text";
import { exactMoment, isoMoment, moment } from "../../core/time";
import { GLYPHS, tone } from "../timeline";
import { type JobSnapshot, age } from "../snapshot";

/** Older facts than these (seconds) are called stale: many times the pace at which the monitor asks. */
const STALE_AFTER = 10;

export interface Head {
  readonly element: HTMLElement;
  draw(job: JobSnapshot, now: number): void;
  dispose(): void;
}

export function head(announce: (words: string) => void): Head {
  const glyph = h("span", { class: "flw-glyph", "aria-hidden": "true" });
  const word = h("span", { class: "flw-word" });
  const doubt = h("span", { class: "flw-doubt" });
  const pill = h("strong", { class: "flw-pill" }, glyph, word, doubt);
  const name = h("strong", { class: "flw-name" });
  const id = copyButton(announce);
  const freshness = h("span", { class: "flw-fresh" });
  const endedAt = h("time", { class: "flw-fresh" });
  return {
    element: h("div", { class: "flw-head" }, pill, name, id.element, freshness, endedAt),
    draw(job, now) {
      const way = tone(job);
      const doubtful = job.trouble !== "" && !job.ended;
      pill.className = `flw-pill flw-tone-${way}${doubtful ? " flw-doubtful" : ""}`;
      setText(glyph, GLYPHS[way]);
      setText(word, job.status || "UNKNOWN");
      setText(name, job.name || "job");
      name.title = job.name;
      id.draw(job.jobId.slice(0, SHORT_ID), job.jobId, "job id");

      const old = age(job, now);
      const stale = old !== null && old > STALE_AFTER;
      show(doubt, doubtful);
      setText(doubt, doubtful && old !== null ? ago(old) : "");
      show(freshness, !job.ended && !(doubtful && old !== null));
      freshness.classList.toggle("flw-stale", stale);
      setText(freshness, freshWords(old, stale));
      freshness.title = job.factsAt === null ? "" : `the server last answered ${exactMoment(job.factsAt)}`;

      const end = job.ended ? job.timeline.at(-1) : undefined;
      show(endedAt, end !== undefined);
      if (end) {
        setText(endedAt, `ended ${moment(end.at, now)}`);
        endedAt.dateTime = isoMoment(end.at);
        endedAt.title = exactMoment(end.at);
      }
    },
    dispose: id.dispose,
  };
}

function freshWords(old: number | null, stale: boolean): string {
  if (old === null) return "no answer from the server yet";
  return stale ? `! last heard of ${ago(old)}` : `updated ${ago(old)}`;
}
