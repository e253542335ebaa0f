/** Texts about the server and its sites, by the same rules as flare_widgets/monitoring/system/format.py. */
import { SHORT_ID_LENGTH, sanitize } from "../core/text";
import { type Site, type SiteJob, type SystemSnapshot, silence } from "./snapshot";

export type Severity = "good" | "warn" | "bad" | "unknown";

export interface StateText {
  readonly severity: Severity;
  readonly text: string;
}

export const GLYPHS: Readonly<Record<Severity, string>> = { good: "●", warn: "!", bad: "✕", unknown: "○" };

/** Age beyond which the data of the server is called stale. */
export const STALE_AFTER_S = 5;

const MAX_NAMED = 4;
const MAX_NAME_CHARS = 60;

/** Format an age: `42 s`, `5 min`, `3 h`. */
export function formatAge(seconds: number): string {
  const whole = Math.floor(Math.max(0, seconds));
  if (whole < 120) return `${whole} s`;
  return whole < 7200 ? `${Math.floor(whole / 60)} min` : `${Math.floor(whole / 3600)} h`;
}

export function serverState(system: SystemSnapshot, now: number): StateText {
  if (system.updatedAt === null)
    return { severity: system.connectionProblem ? "warn" : "unknown", text: "no answer yet" };
  const lastSeen = `last seen ${formatAge(now - system.updatedAt)} ago`;
  if (system.isKernelProblem) return { severity: "unknown", text: lastSeen };
  if (system.connectionProblem) return { severity: "bad", text: `not reachable, ${lastSeen}` };
  return { severity: "good", text: "connected" };
}

export function siteState(site: Site, now: number): StateText {
  const silentSeconds = silence(site, now);
  if (site.isDisabled) return { severity: "warn", text: "disabled" };
  if (!site.isConnected) {
    const lastSeen = site.lastSeen === null ? "" : `, last seen ${formatAge(now - site.lastSeen)} ago`;
    return { severity: "bad", text: `not connected${lastSeen}` };
  }
  if (silentSeconds !== null) return { severity: "bad", text: `silent for ${formatAge(silentSeconds)}` };
  if (!site.isAnswering) return { severity: "warn", text: "connected, but does not answer the server" };
  return { severity: "good", text: "connected" };
}

/** Return the running jobs as text: `runs 76b8d043 (app)`; empty if there are none. */
export function runningText(jobs: readonly SiteJob[]): string {
  if (!jobs.length) return "";
  const named = jobs
    .slice(0, MAX_NAMED)
    .map((job) => job.jobId.slice(0, SHORT_ID_LENGTH) + (job.app ? ` (${sanitize(job.app, MAX_NAME_CHARS)})` : ""));
  const more = jobs.length - MAX_NAMED;
  return `runs ${named.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** Return a sentence per problem with its remedy, the worst first. */
export function findProblems(system: SystemSnapshot, now: number): string[] {
  const found: string[] = [];
  const confirmedNow = system.connectionProblem && system.updatedAt !== null ? system.updatedAt : now;
  if (system.connectionProblem) found.push(system.connectionProblem);
  for (const site of system.sites) {
    const name = sanitize(site.name, MAX_NAME_CHARS);
    const silentSeconds = silence(site, confirmedNow);
    if (site.isDisabled) found.push(`${name} is disabled: it cannot connect until it is enabled again`);
    else if (!site.isConnected) {
      found.push(`${name} is not connected any more. Check its process and its network; it reconnects by itself`);
    } else if (silentSeconds !== null) {
      found.push(
        `${name} has been silent for ${formatAge(silentSeconds)}; sites report every 10 s. ` +
          "Check that its process is running and can reach the server",
      );
    } else if (!site.isAnswering) {
      found.push(`${name} does not answer the server's questions. It may be hung; restart it if this persists`);
    }
  }
  for (const zombie of system.zombies) {
    if (!zombie.isCertain) continue;
    const label = `${sanitize(zombie.name, MAX_NAME_CHARS) || "job"} ${zombie.jobId.slice(0, SHORT_ID_LENGTH)}`;
    found.push(
      `the server still lists job ${label} as RUNNING, but no process runs it (was the server restarted?). ` +
        "It will not end by itself; clone it to run it again",
    );
  }
  found.push(...versionProblems(system));
  return found;
}

function versionProblems(system: SystemSnapshot): string[] {
  const byVersion = new Map<string, string[]>();
  const add = (name: string, version: string): void => {
    if (version) byVersion.set(version, [...(byVersion.get(version) ?? []), sanitize(name, MAX_NAME_CHARS)]);
  };
  add("server", system.version);
  for (const site of system.sites) if (site.isConnected) add(site.name, site.version);
  if (byVersion.size < 2) return [];
  const listing = [...byVersion]
    .map(([version, names]) => `${sanitize(version, MAX_NAME_CHARS)} on ${joinNames(names)}`)
    .join("; ");
  return [`versions of FLARE differ: ${listing}. Jobs across these may fail; install the same version everywhere`];
}

function joinNames(names: readonly string[]): string {
  const more = names.length - MAX_NAMED;
  return names.slice(0, MAX_NAMED).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
