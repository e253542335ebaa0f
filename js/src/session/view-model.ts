/** The view model of a session: the front-end half of flare_widgets/views/session/view_model.py. */
import { type LiveText, readLiveText } from "../core/live-text";
import { asRecords, asText } from "../core/validate";

export interface SessionViewModel {
  readonly name: string;
  readonly username: string;
  readonly roleAndOrg: string;
  readonly address: string;
  readonly study: string;
  readonly state: string;
  readonly stateText: LiveText;
  /** A sentence if it has no connection; else empty. */
  readonly trouble: string;
  readonly certificate: LiveText;
}

/** Read a list of results of Python's `SessionViewModel.to_json()`. */
export function readSessions(value: unknown): SessionViewModel[] {
  return asRecords(value).map((raw) => ({
    name: asText(raw["name"]),
    username: asText(raw["username"]),
    roleAndOrg: asText(raw["role_and_org"], 500),
    address: asText(raw["address"]),
    study: asText(raw["study"]),
    state: asText(raw["state"]),
    stateText: readLiveText(raw["state_text"]),
    trouble: asText(raw["trouble"], 500),
    certificate: readLiveText(raw["certificate"]),
  }));
}
