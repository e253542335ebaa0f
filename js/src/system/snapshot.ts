/** Snapshot of the server and its sites: the front-end half of flare_widgets/monitoring/system/snapshot.py. */
import { asNumber, asRecord, asRecords, asText } from "../core/validate";

export interface SiteJob {
  readonly jobId: string;
  readonly app: string;
}

export interface Site {
  readonly name: string;
  readonly isConnected: boolean;
  readonly lastSeen: number | null;
  readonly since: number | null;
  readonly isDisabled: boolean;
  readonly jobs: readonly SiteJob[];
  readonly isAnswering: boolean;
  readonly version: string;
  readonly resources: string;
}

export interface Zombie {
  readonly jobId: string;
  readonly name: string;
  readonly isCertain: boolean;
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
  readonly updatedAt: number | null;
  readonly connectionProblem: string;
  /** The problem is between this page and the kernel, not with the server. */
  readonly isKernelProblem: boolean;
  readonly detailsAt: number | null;
  readonly detailsMissing: string;
  readonly missing: readonly (readonly [string, string])[];
}

/** Time without a heartbeat after which a site is silent, and after which a job without a process is orphaned. */
export const SILENT_AFTER_S = 25;
const ZOMBIE_AFTER_S = 20;

/** Read the result of Python's `SystemSnapshot.to_json()`. */
export function readSystem(value: unknown): SystemSnapshot {
  const raw = asRecord(value);
  return {
    address: asText(raw["address"]),
    study: asText(raw["study"]),
    username: asText(raw["username"]),
    role: asText(raw["role"]),
    organization: asText(raw["organization"]),
    startedAt: asNumber(raw["started_at"]),
    jobs: jobs(raw["jobs"]),
    sites: asRecords(raw["sites"]).map((site) => ({
      name: asText(site["name"]),
      isConnected: site["connected"] === true,
      lastSeen: asNumber(site["last_seen"]),
      since: asNumber(site["since"]),
      isDisabled: site["disabled"] === true,
      jobs: jobs(site["jobs"]),
      isAnswering: site["answers"] !== false,
      version: asText(site["version"]),
      resources: asText(site["resources"], 300),
    })),
    zombies: asRecords(raw["zombies"]).map((zombie) => ({
      jobId: asText(zombie["job_id"]),
      name: asText(zombie["name"]),
      isCertain: (asNumber(zombie["seen"]) ?? 0) - (asNumber(zombie["since"]) ?? 0) >= ZOMBIE_AFTER_S,
    })),
    version: asText(raw["version"]),
    resources: asText(raw["resources"], 300),
    updatedAt: asNumber(raw["facts_at"]),
    connectionProblem: asText(raw["trouble"], 400),
    isKernelProblem: false,
    detailsAt: asNumber(raw["details_at"]),
    detailsMissing: asText(raw["details_missing"], 400),
    missing: Array.isArray(raw["missing"])
      ? raw["missing"].filter(Array.isArray).map(([group, why]) => [asText(group), asText(why, 300)] as const)
      : [],
  };
}

function jobs(value: unknown): SiteJob[] {
  return asRecords(value).map(({ job_id, app }) => ({ jobId: asText(job_id), app: asText(app) }));
}

/** Return the seconds since the last heartbeat of a connected site if they are too many; else null. */
export function silence(site: Site, now: number): number | null {
  const age = site.lastSeen === null ? null : now - site.lastSeen;
  return site.isConnected && age !== null && age > SILENT_AFTER_S ? age : null;
}
