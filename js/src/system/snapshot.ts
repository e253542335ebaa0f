/** What is known about the server and its sites: the TypeScript half of flare_widgets/monitoring/system.py. */
import { list, number, record, text } from "../core/validate";

export interface SiteJob {
  readonly jobId: string;
  readonly app: string;
}

export interface Site {
  readonly name: string;
  readonly connected: boolean;
  readonly lastSeen: number | null;
  readonly since: number | null;
  readonly disabled: boolean;
  readonly jobs: readonly SiteJob[];
  readonly answers: boolean;
  readonly version: string;
  readonly resources: string;
}

export interface Zombie {
  readonly jobId: string;
  readonly name: string;
  readonly certain: boolean;
}

export interface SystemSnapshot {
  readonly address: string;
  readonly study: string;
  readonly username: string;
  readonly role: string;
  readonly organization: string;
  readonly startedAt: number | null;
  readonly jobs: readonly SiteJob[];
  readonly sites: readonly Site[];
  readonly zombies: readonly Zombie[];
  readonly version: string;
  readonly resources: string;
  readonly factsAt: number | null;
  readonly trouble: string;
  /** The trouble is between this page and the kernel: nothing is known against the server. */
  readonly unheard: boolean;
  readonly detailsAt: number | null;
  readonly detailsMissing: string;
  readonly missing: readonly (readonly [string, string])[];
}

/** Seconds after which a site that was not heard of is silent, and a doubtful job one that nobody runs. */
export const SILENT_AFTER = 25;
const ZOMBIE_AFTER = 20;

/** Read what `SystemSnapshot.to_json()` wrote. */
export function readSystem(value: unknown): SystemSnapshot {
  const raw = record(value);
  return {
    address: text(raw["address"]),
    study: text(raw["study"]),
    username: text(raw["username"]),
    role: text(raw["role"]),
    organization: text(raw["organization"]),
    startedAt: number(raw["started_at"]),
    jobs: jobs(raw["jobs"]),
    sites: list(raw["sites"]).map((site) => ({
      name: text(site["name"]),
      connected: site["connected"] === true,
      lastSeen: number(site["last_seen"]),
      since: number(site["since"]),
      disabled: site["disabled"] === true,
      jobs: jobs(site["jobs"]),
      answers: site["answers"] !== false,
      version: text(site["version"]),
      resources: text(site["resources"], 300),
    })),
    zombies: list(raw["zombies"]).map((zombie) => ({
      jobId: text(zombie["job_id"]),
      name: text(zombie["name"]),
      certain: (number(zombie["seen"]) ?? 0) - (number(zombie["since"]) ?? 0) >= ZOMBIE_AFTER,
    })),
    version: text(raw["version"]),
    resources: text(raw["resources"], 300),
    factsAt: number(raw["facts_at"]),
    trouble: text(raw["trouble"], 400),
    unheard: false,
    detailsAt: number(raw["details_at"]),
    detailsMissing: text(raw["details_missing"], 400),
    missing: Array.isArray(raw["missing"])
      ? raw["missing"].filter(Array.isArray).map(([group, why]) => [text(group), text(why, 300)] as const)
      : [],
  };
}

function jobs(value: unknown): SiteJob[] {
  return list(value).map(({ job_id, app }) => ({ jobId: text(job_id), app: text(app) }));
}

/** Seconds for which a connected site has not been heard of, when they are too many; else null. */
export function silence(site: Site, now: number): number | null {
  const age = site.lastSeen === null ? null : now - site.lastSeen;
  return site.connected && age !== null && age > SILENT_AFTER ? age : null;
}
