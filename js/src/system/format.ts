/** The server and its sites in words. The rules are those of flare_widgets/monitoring/system_text.py. */
import { SHORT_ID, clean } from "../core/text";
import { type Site, type SiteJob, type SystemSnapshot, silence } from "./snapshot";

export type Tone = "good" | "warn" | "bad" | "unknown";

export interface State {
  readonly tone: Tone;
  readonly words: string;
}

export const GLYPHS: Readonly<Record<Tone, string>> = { good: "●", warn: "!", bad: "✕", unknown: "○" };

/** Seconds without an answer from the server after which that is said. */
export const STALE_AFTER = 5;

const MOST_NAMED = 4;
const NAME = 60;

/** An age: `42 s`, `5 min`, `3 h`. */
export function age(seconds: number): string {
  const whole = Math.floor(Math.max(0, seconds));
  if (whole < 120) return `${whole} s`;
  return whole < 7200 ? `${Math.floor(whole / 60)} min` : `${Math.floor(whole / 3600)} h`;
}

export function serverState(system: SystemSnapshot, now: number): State {
  if (system.factsAt === null) return { tone: system.trouble ? "warn" : "unknown", words: "no answer yet" };
  const heard = `last heard of ${age(now - system.factsAt)} ago`;
  if (system.unheard) return { tone: "unknown", words: heard };
  if (system.trouble) return { tone: "bad", words: `not reachable, ${heard}` };
  return { tone: "good", words: "connected" };
}

export function siteState(site: Site, now: number): State {
  const quiet = silence(site, now);
  if (site.disabled) return { tone: "warn", words: "disabled" };
  if (!site.connected) {
    const heard = site.lastSeen === null ? "" : `, last heard of ${age(now - site.lastSeen)} ago`;
    return { tone: "bad", words: `not connected${heard}` };
  }
  if (quiet !== null) return { tone: "bad", words: `silent for ${age(quiet)}` };
  if (!site.answers) return { tone: "warn", words: "connected, but does not answer the server" };
  return { tone: "good", words: "connected" };
}

/** What runs somewhere: `runs 76b8d043 (app)`; empty when nothing does. */
export function runs(jobs: readonly SiteJob[]): string {
  if (!jobs.length) return "";
  const named = jobs
    .slice(0, MOST_NAMED)
    .map((job) => job.jobId.slice(0, SHORT_ID) + (job.app ? ` (${clean(job.app, NAME)})` : ""));
  const more = jobs.length - MOST_NAMED;
  return `runs ${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** A sentence for each thing that is wrong, the worst first, each with what to do. */
export function troubles(system: SystemSnapshot, now: number): string[] {
  const found: string[] = [];
  const seen = system.trouble && system.factsAt !== null ? system.factsAt : now;
  if (system.trouble) found.push(system.trouble);
  for (const site of system.sites) {
    const name = clean(site.name, NAME);
    const quiet = silence(site, seen);
    if (site.disabled) found.push(`${name} is disabled: it cannot connect until it is enabled again`);
    else if (!site.connected) {
      found.push(`${name} is not connected any more. Look at its process and its network; it comes back by itself`);
    } else if (quiet !== null) {
      found.push(
        `${name} has been silent for ${age(quiet)}; sites report every 10 s. ` +
          "Look whether its process runs and reaches the server",
      );
    } else if (!site.answers) {
      found.push(`${name} does not answer the server's questions. Its process may hang: restart it if that stays so`);
    }
  }
  for (const zombie of system.zombies) {
    if (!zombie.certain) continue;
    const label = `${clean(zombie.name, NAME) || "job"} ${zombie.jobId.slice(0, SHORT_ID)}`;
    found.push(
      `job ${label} is RUNNING to the server, but nobody runs it (was the server restarted?). ` +
        "It will not end by itself; clone it to run it again",
    );
  }
  found.push(...versions(system));
  return found;
}

function versions(system: SystemSnapshot): string[] {
  const byVersion = new Map<string, string[]>();
  const note = (name: string, version: string): void => {
    if (version) byVersion.set(version, [...(byVersion.get(version) ?? []), clean(name, NAME)]);
  };
  note("server", system.version);
  for (const site of system.sites) if (site.connected) note(site.name, site.version);
  if (byVersion.size < 2) return [];
  const said = [...byVersion].map(([version, names]) => `${clean(version, NAME)} on ${named(names)}`).join("; ");
  return [`versions of FLARE differ: ${said}. Jobs may fail where they meet: install the same everywhere`];
}

function named(names: readonly string[]): string {
  const more = names.length - MOST_NAMED;
  return names.slice(0, MOST_NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
