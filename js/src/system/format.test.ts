import { expect, it } from "vitest";
import written from "../../fixtures/system.json";
import { findProblems, runningText, type StateText, serverState, siteState } from "./format";
import { readSystem } from "./snapshot";

/** A state under the names that Python gives its parts. */
interface WrittenState {
  readonly tone: string;
  readonly words: string;
}

interface Case {
  readonly now: number;
  readonly snapshot: unknown;
  readonly server: WrittenState;
  readonly sites: readonly WrittenState[];
  readonly runs: readonly string[];
  readonly troubles: readonly string[];
}

/** Written by fixtures/make_system.py from what the Python half says. */
const cases = written as unknown as Record<string, Case>;

const asWritten = ({ severity, text }: StateText): WrittenState => ({ tone: severity, words: text });

it.each(Object.entries(cases))("%s has the texts of Python", (_, { now, snapshot, ...expected }) => {
  const system = readSystem(snapshot);
  expect({
    server: asWritten(serverState(system, now)),
    sites: system.sites.map((site) => asWritten(siteState(site, now))),
    runs: system.sites.map((site) => runningText(site.jobs)),
    troubles: findProblems(system, now),
  }).toEqual(expected);
});

it("reads invalid data as empty", () => {
  const system = readSystem({ sites: [null, 3, { name: 4 }], zombies: "x", missing: [[1], "y", ["a", "b"]] });
  expect(system.sites.map(({ name }) => name)).toEqual(["", "", ""]);
  expect(system.missing).toEqual([
    ["", ""],
    ["a", "b"],
  ]);
});
