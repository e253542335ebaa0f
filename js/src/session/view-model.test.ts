import { expect, it } from "vitest";
import written from "../../fixtures/session.json";
import { certificateWords, mandate, readSessions, stateWords, tone } from "./view-model";

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

it.each(Object.entries(cases))("a session that is %s is told in the words of the text form", (_, one) => {
  const [session] = readSessions([one.session]);
  if (!session) throw new Error("not read");
  expect({
    tone: tone(session),
    mandate: mandate(session),
    state: stateWords(session, one.now),
    certificate: certificateWords(session, one.now),
  }).toEqual({ tone: one.tone, mandate: one.mandate, state: one.state, certificate: one.certificate });
});
