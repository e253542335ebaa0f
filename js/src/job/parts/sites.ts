/** Deployment of the job to its sites; beside a matrix, which names the sites, only failed deployments. */
import { h, screenReaderText, setVisible, whenChanged } from "../../core/dom";
import type { SiteDeployment } from "../view-model";

/** Number of sites that are drawn; the rest are counted. */
export const MAX_CHIPS = 24;

const GLYPHS: Readonly<Record<SiteDeployment["state"], string>> = { waiting: "○", deployed: "✓", failed: "✕" };

export interface Sites {
  readonly element: HTMLElement;
  /** @param none a text in place of the sites */
  draw(sites: readonly SiteDeployment[], none: string): void;
}

export function createSites(): Sites {
  const element = h("ul", { class: "flw-sites", role: "list", "aria-label": "sites" });
  const draw = whenChanged(({ all, none }: { all: readonly SiteDeployment[]; none: string }) => {
    const { shown, rest } = selectChips(all);
    const items = shown.map(createChip);
    if (rest) items.push(h("li", { class: "flw-more" }, rest));
    if (!all.length && none) items.push(h("li", { class: "flw-more" }, none));
    element.replaceChildren(...items);
    setVisible(element, items.length > 0);
  });
  return { element, draw: (all, none) => draw({ all, none }) };
}

/** Return the sites to draw, failures first if there are too many, and a sentence about the others. */
export function selectChips(all: readonly SiteDeployment[]): { shown: readonly SiteDeployment[]; rest: string } {
  if (all.length <= MAX_CHIPS) return { shown: all, rest: "" };
  const shown = [...all].sort((a, b) => urgency(a) - urgency(b)).slice(0, MAX_CHIPS);
  const others = all.filter((site) => !shown.includes(site));
  const counts = (["failed", "waiting", "deployed"] as const)
    .map((state) => ({ state, count: others.filter((site) => site.state === state).length }))
    .filter(({ count }) => count > 0)
    .map(({ state, count }) => `${count} ${state}`);
  return { shown, rest: `and ${others.length} more: ${counts.join(", ")}` };
}

function urgency(site: SiteDeployment): number {
  return { failed: 0, waiting: 1, deployed: 2 }[site.state];
}

function createChip(site: SiteDeployment): HTMLElement {
  const text = site.detail ? `${site.state}: ${site.detail}` : site.state;
  return h(
    "li",
    { class: `flw-site flw-site-${site.state}` },
    h("span", { class: "flw-glyph", "aria-hidden": "true" }, GLYPHS[site.state]),
    h("span", { class: "flw-site-name" }, site.name),
    " ",
    h("span", { class: "flw-site-state" }, text),
    screenReaderText("; "),
  );
}
