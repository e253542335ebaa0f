/** First lines: status of the server, user and study of the session, and the age of the data. */
import { h, setText, setVisible } from "../../core/dom";
import { formatAge } from "../../core/text";
import { formatExactTime } from "../../core/time";
import { GLYPHS, STALE_AFTER_S, serverState } from "../format";
import type { SystemSnapshot } from "../snapshot";

export interface Header {
  readonly element: HTMLElement;
  draw(system: SystemSnapshot, now: number): void;
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
    draw(system, now) {
      const age = system.updatedAt === null ? null : Math.max(0, now - system.updatedAt);
      const isStale = age !== null && age > STALE_AFTER_S;
      const state = serverState(system, now);
      pill.className = `flw-pill flw-state-${state.severity}${system.connectionProblem || isStale ? " flw-doubtful" : ""}`;
      setText(glyph, GLYPHS[state.severity]);
      // While the connection is lost, show the last state, struck through.
      setText(stateText, system.updatedAt === null ? state.text : "connected");
      setText(name, system.address || "FLARE server");
      freshness.classList.toggle("flw-stale", isStale);
      setText(
        freshness,
        age === null
          ? "no answer from the server yet"
          : isStale
            ? `! last seen ${formatAge(age)}`
            : `updated ${formatAge(age)}`,
      );
      freshness.title =
        system.updatedAt === null ? "" : `the server last answered ${formatExactTime(system.updatedAt)}`;
      setText(counts, countsText(system));
      setVisible(counts, system.updatedAt !== null);
      const roleAndOrg = [system.role.replaceAll("_", " "), system.organization].filter(Boolean).join(", ");
      setText(user, [system.username, roleAndOrg && `(${roleAndOrg})`].filter(Boolean).join(" "));
      setVisible(user, user.textContent !== "");
      setText(study, `study ${system.study}`);
      setVisible(study, system.study !== "");
    },
  };
}

function countsText(system: SystemSnapshot): string {
  const here = system.sites.filter((site) => site.isConnected).length;
  const sites = here === 0 ? "no site is connected" : `${here} ${here === 1 ? "site" : "sites"} connected`;
  const jobs = system.jobs.length;
  return `${sites}, ${jobs === 0 ? "no job is running" : `${jobs} ${jobs === 1 ? "job" : "jobs"} running`}`;
}
