/** What the submit form shows: the TypeScript half of flare_widgets/views/submit.py and folders.py. */
import { list, number, record, text, texts } from "../core/validate";

export interface Folder {
  readonly id: number;
  readonly name: string;
  readonly job: boolean;
}

export interface Place {
  readonly path: string;
  readonly crumbs: readonly Folder[];
  readonly folders: readonly Folder[];
  readonly more: number;
  readonly problem: string;
}

export interface JobFile {
  readonly name: string;
  readonly size: number;
}

export interface Problem {
  readonly severity: "error" | "warning";
  readonly words: string;
}

export interface App {
  readonly name: string;
  readonly sites: readonly string[];
  readonly custom: boolean;
}

export interface Job {
  readonly name: string;
  readonly path: string;
  readonly files: readonly JobFile[];
  readonly count: number;
  readonly size: number;
  readonly apps: readonly App[];
  readonly minClients: number | null;
  readonly obstacle: string;
  readonly problems: readonly Problem[];
}

export interface Who {
  readonly username: string;
  readonly address: string;
  readonly study: string;
}

export interface Submitted {
  readonly jobId: string;
  readonly name: string;
  readonly at: number;
}

export function readPlace(value: unknown): Place {
  const raw = record(value);
  return {
    path: text(raw["path"], 500),
    crumbs: folders(raw["crumbs"]),
    folders: folders(raw["folders"]),
    more: number(raw["more"]) ?? 0,
    problem: text(raw["problem"], 500),
  };
}

/** The chosen job; null while there is none. */
export function readJob(value: unknown): Job | null {
  const raw = record(value);
  if (typeof raw["path"] !== "string") return null;
  return {
    name: text(raw["name"]),
    path: text(raw["path"], 500),
    files: list(raw["files"]).map((file) => ({ name: text(file["name"]), size: number(file["size"]) ?? 0 })),
    count: number(raw["count"]) ?? 0,
    size: number(raw["size"]) ?? 0,
    apps: list(raw["apps"]).map((app) => ({
      name: text(app["name"]),
      sites: texts(app["sites"]),
      custom: app["custom"] === true,
    })),
    minClients: number(raw["min_clients"]),
    obstacle: text(raw["obstacle"], 500),
    problems: list(raw["problems"]).map((problem) => ({
      severity: problem["severity"] === "error" ? "error" : "warning",
      words: text(problem["words"], 500),
    })),
  };
}

export function readWho(value: unknown): Who {
  const raw = record(value);
  return { username: text(raw["username"]), address: text(raw["address"]), study: text(raw["study"]) };
}

export function readSubmitted(value: unknown): Submitted[] {
  return list(value).map((job) => ({ jobId: text(job["job_id"]), name: text(job["name"]), at: number(job["at"]) ?? 0 }));
}

function folders(value: unknown): Folder[] {
  return list(value).map(({ id, name, job }) => ({ id: number(id) ?? 0, name: text(name), job: job === true }));
}

/** Bytes as `812 B`, `1.2 MB`: as flare_widgets.text.size writes them. */
export function bytes(count: number): string {
  let value = count;
  for (const unit of ["B", "kB", "MB"]) {
    if (value < 1000) return unit === "B" ? `${value.toFixed(0)} B` : `${value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} GB`;
}

/** Where an app goes, in words. */
export function goes(app: App): string {
  if (app.sites.some((site) => site.toUpperCase() === "@ALL")) return "server and all sites";
  const most = 6;
  const more = app.sites.length - most;
  return app.sites.slice(0, most).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
