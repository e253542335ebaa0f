import { expect, it } from "vitest";
import written from "../../fixtures/session.json";
import { certificateText, readSessions, roleAndOrg, severity, stateText } from "./view-model";

interface Case {
  readonly now: number;
  readonly session: unknown;
  readonly tone: string;
  readonly mandate: string;
  readonly state: string;
  readonly certificate: string;
}

/** Written by fixtures/make_session.py from what the Python half says. */
const cases = written as unknown as Record<string, Case>;

it.each(Object.entries(cases))("a %s session has the texts of Python", (_, one) => {
  const [session] = readSessions([one.session]);
  if (!session) throw new Error("not read");
  expect({
    tone: severity(session),
    mandate: roleAndOrg(session),
    state: stateText(session, one.now),
    certificate: certificateText(session, one.now),
  }).toEqual({ tone: one.tone, mandate: one.mandate, state: one.state, certificate: one.certificate });
});
