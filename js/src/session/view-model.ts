/** View model and texts of a session, by the same rules as flare_widgets/views/session/view_model.py. */
import { asNumber, asRecords, asText } from "../core/validate";

export interface SessionViewModel {
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

export type Severity = "good" | "warn" | "bad" | "unknown";

export const GLYPHS: Readonly<Record<Severity, string>> = { good: "●", warn: "!", bad: "✕", unknown: "○" };

const SEVERITIES: ReadonlyMap<string, Severity> = new Map([
  ["ready", "good"],
  ["reconnecting", "warn"],
  ["closed", "bad"],
]);
const CERTIFICATE_WARNING_DAYS = 30;
const DAY_S = 86_400;

export function readSessions(value: unknown): SessionViewModel[] {
  return asRecords(value).map((raw) => ({
    name: asText(raw["name"]),
    username: asText(raw["username"]),
    role: asText(raw["role"]),
    organization: asText(raw["organization"]),
    address: asText(raw["address"]),
    study: asText(raw["study"]),
    state: asText(raw["state"]),
    reason: asText(raw["reason"], 300),
    since: asNumber(raw["since"]) ?? 0,
    expiresAt: asNumber(raw["expires_at"]) ?? 0,
  }));
}

export function severity(session: SessionViewModel): Severity {
  return SEVERITIES.get(session.state) ?? "unknown";
}

export function roleAndOrg(session: SessionViewModel): string {
  return [session.role.replaceAll("_", " "), session.organization].filter(Boolean).join(", ");
}

export function stateText(session: SessionViewModel, now: number): string {
  const age = formatSpan(now - session.since);
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

export function certificateText(session: SessionViewModel, now: number): string {
  const left = (session.expiresAt - now) / DAY_S;
  if (left >= CERTIFICATE_WARNING_DAYS) return "";
  if (left < 0) return "the certificate has expired: ask the project admin for a new startup kit";
  if (left < 1) return "the certificate expires today: ask the project admin for a new startup kit";
  const days = Math.floor(left);
  return `the certificate expires in ${days} ${days === 1 ? "day" : "days"}`;
}

function formatSpan(seconds: number): string {
  const whole = Math.floor(Math.max(0, seconds));
  if (whole < 120) return `${whole} s`;
  return whole < 7200 ? `${Math.floor(whole / 60)} min` : `${Math.floor(whole / 3600)} h`;
}
