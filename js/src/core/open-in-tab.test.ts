/** The button, with and without the extension in the page, and the extension's half. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { Link } from "../lab/link";
import { serveNotebooks } from "../lab/notebook-tabs";
import { h } from "./dom";
import { FakeModel, FakePlace } from "./fake-model";
import { CAN_OPEN, OPEN, offerTab } from "./open-in-tab";

const JOB = { kind: "job", args: { job: "a1" }, session: "key-1" };
const stops: (() => void)[] = [];

beforeEach(() => void stops.splice(0));
afterEach(() => {
  for (const stop of stops) stop();
});

function extend(sessions: unknown[] = [{ name: "ada", key: "key-1" }]) {
  const facts = new Map<string, unknown>([["sessions", sessions]]);
  let tell = (): void => {};
  const link = {
    facts,
    onFacts(listener: () => void) {
      tell = listener;
      return () => {};
    },
  } as unknown as Link;
  const open = vi.fn();
  stops.push(serveNotebooks(link, open));
  const setSessions = (next: unknown[]): void => {
    facts.set("sessions", next);
    tell();
  };
  return { open, setSessions };
}

function show(tab: unknown = JOB, place?: FakePlace) {
  const head = h("div");
  const model = new FakeModel({ tab });
  const remove = offerTab({ model, el: head, ...(place ? { place } : {}) }, head);
  stops.push(remove);
  return { head, model, remove, button: () => head.querySelector("button") };
}

it("nothing is shown where the extension is not in the page", () => {
  expect(show().head.innerHTML).toBe("");
});

it("nothing is shown in a tab, and by a view without a session", () => {
  extend();
  expect(show(JOB, new FakePlace()).button()).toBeNull();
  for (const tab of [null, {}, { ...JOB, session: "" }, { ...JOB, kind: 7 }, { ...JOB, session: "key-2" }])
    expect(show(tab).button()).toBeNull();
});

it("a click opens the tab of the session that the sidebar has", () => {
  const { open } = extend();
  const { button } = show();
  expect(button()?.getAttribute("aria-label")).toBe("open in a tab");
  button()?.click();
  expect(open.mock.calls).toEqual([[{ kind: "job", session: "ada", job: "a1" }]]);
});

it("the button comes and goes with the sidebar's session, and with the extension", () => {
  const { button, model } = show();
  const { setSessions } = extend([]);
  expect(button()).toBeNull();
  setSessions([{ name: "ada", key: "key-1" }]);
  expect(button()).not.toBeNull();
  setSessions([]);
  expect(button()).toBeNull();
  setSessions([{ name: "ada", key: "key-2" }]);
  model.receive({ tab: { ...JOB, session: "key-2" } });
  expect(button()).not.toBeNull();
});

it("a view that is removed listens no more", () => {
  const { setSessions } = extend([]);
  const { model, remove, button } = show();
  remove();
  setSessions([{ name: "ada", key: "key-1" }]);
  expect(button()).toBeNull();
  expect(model.listening).toBe(0);
});

it("a notebook opens nothing but views of a session", () => {
  const { open } = extend();
  const requests: unknown[] = [
    null,
    "job",
    { ...JOB, session: "" },
    { ...JOB, session: "key-9" },
    { ...JOB, kind: "submit", args: { folder: "/etc" } },
    { ...JOB, kind: "?" },
    { ...JOB, args: { session: "other" } },
    { ...JOB, kind: "compare", args: { jobs: "a" } },
  ];
  for (const detail of requests) {
    expect(dispatchEvent(new CustomEvent(CAN_OPEN, { cancelable: true, detail }))).toBe(true);
    dispatchEvent(new CustomEvent(OPEN, { cancelable: true, detail }));
  }
  dispatchEvent(new Event(OPEN));
  expect(open).not.toHaveBeenCalled();
  // The session is the one that fits, whatever else is named.
  dispatchEvent(new CustomEvent(OPEN, { detail: { ...JOB, args: { job: "a1", session: "other", kind: "submit" } } }));
  expect(open.mock.calls).toEqual([[{ kind: "job", session: "ada", job: "a1" }]]);
});
