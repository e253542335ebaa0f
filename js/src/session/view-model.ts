/** A session as plain data and in words. The rules are those of flare_widgets/views/session_words.py. */
import { list, number, text } from "../core/validate";

export interface SessionFacts {
  readonly name: string;
  readonly username: string;
  readonly role: string;
  readonly organization: string;
  readonly address: string;
  readonly study: string;
  readonly state: string;
  readonly reason: string;
  readonly since: number;
  readonly expiresAt: number;
}

export type Tone = "good" | "warn" | "bad" | "unknown";

export const GLYPHS: Readonly<Record<Tone, string>> = { good: "●", warn: "!", bad: "✕", unknown: "○" };

const TONES: Readonly<Record<string, Tone>> = { ready: "good", reconnecting: "warn", closed: "bad" };
const WARN_DAYS = 30;
const DAY = 86_400;

export function readSessions(value: unknown): SessionFacts[] {
  return list(value).map((raw) => ({
    name: text(raw["name"]),
    username: text(raw["username"]),
    role: text(raw["role"]),
    organization: text(raw["organization"]),
    address: text(raw["address"]),
    study: text(raw["study"]),
    state: text(raw["state"]),
    reason: text(raw["reason"], 300),
    since: number(raw["since"]) ?? 0,
    expiresAt: number(raw["expires_at"]) ?? 0,
  }));
}

export function tone(session: SessionFacts): Tone {
  return Object.hasOwn(TONES, session.state) ? TONES[session.state]! : "unknown";
}

export function mandate(session: SessionFacts): string {
  return [session.role.replaceAll("_", " "), session.organization].filter(Boolean).join(", ");
}

export function stateWords(session: SessionFacts, now: number): string {
  const age = ago(now - session.since);
  const reason = session.reason ? `: ${session.reason}` : "";
  switch (session.state) {
    case "ready":
      return `ready for ${age}`;
    case "reconnecting":
      return `no connection for ${age}, trying again${reason}`;
    case "connecting":
      return `connecting for ${age}${reason}`;
    case "expired":
      return "ended by the server for being idle; the next command logs in again";
    case "closed":
      return `closed ${age} ago${reason}`;
    default:
      return session.state;
  }
}

export function certificateWords(session: SessionFacts, now: number): string {
  const left = (session.expiresAt - now) / DAY;
  if (left >= WARN_DAYS) return "";
  if (left < 0) return "the certificate has expired: ask the project admin for a new startup kit";
  if (left < 1) return "the certificate expires today: ask the project admin for a new startup kit";
  const days = Math.floor(left);
  return `the certificate expires in ${days} ${days === 1 ? "day" : "days"}`;
}

function ago(seconds: number): string {
  const whole = Math.floor(Math.max(0, seconds));
  if (whole < 120) return `${whole} s`;
  return whole < 7200 ? `${Math.floor(whole / 60)} min` : `${Math.floor(whole / 3600)} h`;
}
