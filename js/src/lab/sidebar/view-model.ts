/** The facts of the sidebar: the front-end half of flare_widgets/lab/sidebar.py. */
import { asBoolean, asNumber, asRecord, asRecords, asText } from "../../core/validate";

export const SESSION_STATES = ["ready", "connecting", "lost", "asleep", "failed"] as const;
export type SessionState = (typeof SESSION_STATES)[number];

export interface SessionFacts {
  readonly name: string;
  /** The digest by which views in notebooks know it. */
  readonly key: string;
  readonly user: string;
  readonly role: string;
  readonly org: string;
  readonly project: string;
  readonly study: string;
  readonly address: string;
  readonly state: SessionState;
  /** The state in a sentence; empty if there is nothing to say. */
  readonly words: string;
  /** Days until the certificate of the kit ends. */
  readonly daysLeft: number | null;
  readonly isCurrent: boolean;
  readonly isReadOnly: boolean;
}

export interface KitFacts {
  readonly id: string | number;
  readonly name: string;
  readonly user: string;
  readonly role: string;
  readonly org: string;
  readonly folder: string;
  readonly isUsable: boolean;
  /** It was connected before. */
  readonly isRemembered: boolean;
  /** The reason why it cannot be used. */
  readonly words: string;
}

export interface JobFacts {
  readonly id: string;
  readonly name: string;
  /** A category of status, as `core/status.ts` has them. */
  readonly status: string;
  readonly glyph: string;
  readonly words: string;
  readonly round: number | null;
  readonly rounds: number | null;
  readonly fraction: number | null;
  /** The time since which it has its status, in seconds since the epoch. */
  readonly since: number | null;
  readonly hint: string;
}

export interface SiteTrouble {
  readonly name: string;
  readonly words: string;
}

export const LOCAL_STATES = ["absent", "stopped", "starting", "running", "failed"] as const;
export type LocalState = (typeof LOCAL_STATES)[number];

export interface Lesson {
  readonly name: string;
  readonly path: string;
}

export interface SidebarFacts {
  readonly sessions: readonly SessionFacts[];
  readonly kits: readonly KitFacts[];
  /** The active jobs of the current session: as many as the server sends, of the total. */
  readonly jobs: { readonly total: number; readonly rows: readonly JobFacts[]; readonly isKnown: boolean };
  readonly sites: {
    readonly connected: number;
    readonly total: number;
    readonly trouble: readonly SiteTrouble[];
    readonly isKnown: boolean;
  };
  readonly ended: { readonly finished: number; readonly failed: number; readonly since: number | null };
  readonly trouble: { readonly words: string; readonly factsAt: number | null } | null;
  readonly local: { readonly state: LocalState; readonly words: string };
  readonly lessons: readonly Lesson[];
  readonly isReadOnly: boolean;
  /** The server has told its facts. */
  readonly isKnown: boolean;
}

const MAX_SENTENCE_CHARS = 500;

const sentence = (value: unknown): string => asText(value, MAX_SENTENCE_CHARS);
const count = (value: unknown): number => Math.max(0, Math.trunc(asNumber(value) ?? 0));

/** Read what the server sent; every text in the result is printable and bounded. */
export function readFacts(facts: ReadonlyMap<string, unknown>): SidebarFacts {
  const jobs = asRecord(facts.get("jobs"));
  const sites = asRecord(facts.get("sites"));
  const ended = asRecord(facts.get("ended"));
  const local = asRecord(facts.get("local"));
  const trouble = facts.get("trouble");
  const { words, facts_at } = asRecord(trouble);
  return {
    sessions: asRecords(facts.get("sessions")).map(readSession),
    kits: asRecords(facts.get("kits")).map(readKit),
    jobs: { total: count(jobs["total"]), rows: asRecords(jobs["rows"]).map(readJob), isKnown: jobs["known"] !== false },
    sites: {
      connected: count(sites["connected"]),
      total: count(sites["total"]),
      trouble: asRecords(sites["trouble"]).map((site) => ({
        name: asText(site["name"]),
        words: sentence(site["words"]),
      })),
      isKnown: sites["known"] !== false,
    },
    ended: { finished: count(ended["finished"]), failed: count(ended["failed"]), since: asNumber(ended["since"]) },
    trouble: trouble ? { words: sentence(words), factsAt: asNumber(facts_at) } : null,
    local: {
      state: LOCAL_STATES.find((state) => state === local["state"]) ?? "absent",
      words: sentence(local["words"]),
    },
    lessons: asRecords(facts.get("lessons")).map(({ name, path }) => ({ name: asText(name), path: asText(path, 500) })),
    isReadOnly: asBoolean(facts.get("read_only")),
    isKnown: facts.has("sessions"),
  };
}

function readSession(raw: Readonly<Record<string, unknown>>): SessionFacts {
  const field = (key: string): string => asText(raw[key]);
  return {
    name: field("name"),
    key: field("key"),
    user: field("user"),
    role: field("role").replaceAll("_", " "),
    org: field("org"),
    project: field("project"),
    study: field("study"),
    address: field("address"),
    state: SESSION_STATES.find((state) => state === raw["state"]) ?? "failed",
    words: sentence(raw["words"]),
    daysLeft: asNumber(raw["days_left"]),
    isCurrent: asBoolean(raw["current"]),
    isReadOnly: asBoolean(raw["read_only"]),
  };
}

function readKit(raw: Readonly<Record<string, unknown>>): KitFacts {
  const field = (key: string): string => asText(raw[key]);
  return {
    id: asNumber(raw["id"]) ?? field("id"),
    name: field("name"),
    user: field("user"),
    role: field("role").replaceAll("_", " "),
    org: field("org"),
    folder: asText(raw["folder"], MAX_SENTENCE_CHARS),
    isUsable: asBoolean(raw["usable"]),
    isRemembered: asBoolean(raw["remembered"]),
    words: sentence(raw["words"]),
  };
}

function readJob(raw: Readonly<Record<string, unknown>>): JobFacts {
  const fraction = asNumber(raw["fraction"]);
  return {
    id: asText(raw["id"]),
    name: asText(raw["name"]),
    status: asText(raw["status"]),
    glyph: asText(raw["glyph"], 2),
    words: sentence(raw["words"]),
    round: asNumber(raw["round"]),
    rounds: asNumber(raw["rounds"]),
    fraction: fraction === null ? null : Math.min(1, Math.max(0, fraction)),
    since: asNumber(raw["since"]),
    hint: sentence(raw["hint"]),
  };
}
