/** View model of the submit form: the front-end half of flare_widgets/views/submit/view.py and folders.py. */
import { asNumber, asRecord, asRecords, asText, asTexts } from "../core/validate";

export interface Folder {
  readonly id: number;
  readonly name: string;
  readonly isJob: boolean;
}

export interface FolderContents {
  readonly path: string;
  readonly crumbs: readonly Folder[];
  readonly folders: readonly Folder[];
  readonly hiddenCount: number;
  readonly problem: string;
}

export interface JobFile {
  readonly name: string;
  readonly size: number;
}

export interface Problem {
  readonly severity: "error" | "warning";
  readonly message: string;
}

export interface App {
  readonly name: string;
  readonly sites: readonly string[];
  readonly hasCustomCode: boolean;
}

export interface Job {
  readonly name: string;
  readonly path: string;
  readonly files: readonly JobFile[];
  readonly fileCount: number;
  readonly totalSize: number;
  readonly apps: readonly App[];
  readonly minClients: number | null;
  readonly obstacle: string;
  readonly problems: readonly Problem[];
}

export interface UserAndServer {
  readonly username: string;
  readonly address: string;
  readonly study: string;
}

export interface Submitted {
  readonly jobId: string;
  readonly name: string;
  readonly at: number;
}

export function readFolderContents(value: unknown): FolderContents {
  const raw = asRecord(value);
  return {
    path: asText(raw["path"], 500),
    crumbs: readFolders(raw["crumbs"]),
    folders: readFolders(raw["folders"]),
    hiddenCount: asNumber(raw["more"]) ?? 0,
    problem: asText(raw["problem"], 500),
  };
}

/** Read the chosen job; null if there is none. */
export function readJob(value: unknown): Job | null {
  const raw = asRecord(value);
  if (typeof raw["path"] !== "string") return null;
  return {
    name: asText(raw["name"]),
    path: asText(raw["path"], 500),
    files: asRecords(raw["files"]).map((file) => ({ name: asText(file["name"]), size: asNumber(file["size"]) ?? 0 })),
    fileCount: asNumber(raw["count"]) ?? 0,
    totalSize: asNumber(raw["size"]) ?? 0,
    apps: asRecords(raw["apps"]).map((app) => ({
      name: asText(app["name"]),
      sites: asTexts(app["sites"]),
      hasCustomCode: app["custom"] === true,
    })),
    minClients: asNumber(raw["min_clients"]),
    obstacle: asText(raw["obstacle"], 500),
    problems: asRecords(raw["problems"]).map((problem) => ({
      severity: problem["severity"] === "error" ? "error" : "warning",
      message: asText(problem["message"], 500),
    })),
  };
}

export function readUserAndServer(value: unknown): UserAndServer {
  const raw = asRecord(value);
  return { username: asText(raw["username"]), address: asText(raw["address"]), study: asText(raw["study"]) };
}

export function readSubmitted(value: unknown): Submitted[] {
  return asRecords(value).map((job) => ({
    jobId: asText(job["job_id"]),
    name: asText(job["name"]),
    at: asNumber(job["at"]) ?? 0,
  }));
}

function readFolders(value: unknown): Folder[] {
  return asRecords(value).map(({ id, name, job }) => ({
    id: asNumber(id) ?? 0,
    name: asText(name),
    isJob: job === true,
  }));
}

/** Format a size as `812 B` or `1.2 MB`, like flare_widgets/formatting/text.py. */
export function formatSize(count: number): string {
  let value = count;
  for (const unit of ["B", "kB", "MB"]) {
    if (value < 1000) return unit === "B" ? `${value.toFixed(0)} B` : `${value.toFixed(1)} ${unit}`;
    value /= 1000;
  }
  return `${value.toFixed(1)} GB`;
}

/** Return the targets of an app as text. */
export function destinationText(app: App): string {
  if (app.sites.some((site) => site.toUpperCase() === "@ALL")) return "server and all sites";
  const most = 6;
  const more = app.sites.length - most;
  return app.sites.slice(0, most).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
