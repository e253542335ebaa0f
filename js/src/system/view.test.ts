/** Drawing of the system: the texts are the kernel's. */
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import written from "../../fixtures/system.json";
import { FakeModel } from "../core/fake-model";
import systemWidget from "./index";

const T = 1795442615;

function open(more: Record<string, unknown> = {}) {
  vi.setSystemTime(T * 1000);
  const model = new FakeModel({ view_model: { ...written, ...more }, label: "all well", actions: {}, sent_at: T });
  const el = document.createElement("div");
  document.body.append(el);
  const close = systemWidget().render({ model, el });
  const texts = (selector: string): string[] =>
    [...el.querySelectorAll<HTMLElement>(selector)]
      .filter((element) => !element.closest("[hidden]"))
      .map(({ textContent }) => textContent ?? "");
  return { model, el, texts, close };
}

beforeEach(() => vi.useFakeTimers());
afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

it("has a line for the server and each site", () => {
  const { texts, el } = open();
  expect(texts(".flw-row-name")).toEqual(["server", "hospital-a", "hospital-b", "hospital-c"]);
  expect(texts(".flw-row-state")).toEqual([
    "connected",
    "connected",
    "disabled",
    "connected, but does not answer the server",
  ]);
  expect(texts(".flw-row-seen")).toEqual(["last seen 3 s ago", "last seen 1 s ago"]);
  expect(texts(".flw-row-jobs")).toEqual(["running 76b8d043 (app)", "running 76b8d043 (app)"]);
  expect([...el.querySelectorAll<HTMLElement>(".flw-row")].map(({ dataset }) => dataset["severity"])).toEqual([
    ...["good", "good", "warn", "warn"],
  ]);
  expect(texts(".flw-facts > span")).toEqual([
    ...["2 sites connected, 1 job running", "ann@h.org (project admin)", "study default"],
  ]);
});

it("tells a site that falls silent, without messages, and once", () => {
  const { texts, model } = open();
  vi.advanceTimersByTime(4000);
  model.fire("msg:custom", { kind: "clock", now: T + 4 });
  expect(texts(".flw-banner li")).toHaveLength(2);
  for (let at = 8; at <= 24; at += 4) {
    vi.advanceTimersByTime(4000);
    model.fire("msg:custom", { kind: "clock", now: T + at });
  }
  expect(texts(".flw-row-state")[1]).toBe("silent for 27 s");
  expect(texts(".flw-banner li")[0]).toContain("hospital-a has been silent for 27 s");
  expect(texts("[role=status]")[0]).toContain("hospital-a has been silent");
  expect(texts(".flw-fresh")).toEqual(["! last seen 24 s ago"]);
  expect(texts(".flw-facts > span")[0]).toBe("1 silent, 1 site connected, 1 job running");
});

it("is doubtful while the kernel does not answer, and stops its clock", () => {
  const { texts, el } = open();
  vi.advanceTimersByTime(40_000);
  expect(texts(".flw-banner li")[0]).toContain("No answer from the kernel");
  expect(texts(".flw-row-state").slice(0, 2)).toEqual(["last seen 40 s ago", "last known: connected"]);
  expect([...el.querySelectorAll<HTMLElement>(".flw-row")].map(({ dataset }) => dataset["severity"])).toEqual(
    Array(4).fill("unknown"),
  );
  expect(el.querySelector(".flw-pill.flw-state-warn")?.textContent).toBe("!not live");
  expect(el.querySelector("[role=group]")?.getAttribute("aria-label")).toMatch(/^No answer .*Before: all well$/);
});

it("tells that the server is lost", () => {
  const rowState = [{ text: ["reconnecting (4), last seen ", " ago"], moment: T - 8, severity: "warn" }];
  const rows = [{ ...written.rows[0], state: rowState }, ...written.rows.slice(1)];
  const state = [{ text: ["reconnecting (4)"], severity: "warn" }];
  const problems = [[{ text: ["no connection to server:8002, trying again (4)"] }]];
  const { texts, el } = open({ problems, rows, state });
  expect(texts(".flw-row-state")[0]).toBe("reconnecting (4), last seen 8 s ago");
  expect(el.querySelector(".flw-pill.flw-state-warn")?.textContent).toBe("!reconnecting (4)");
  expect(texts(".flw-banner li")).toEqual(["!no connection to server:8002, trying again (4)"]);
  expect(el.querySelector(".flw-system")?.className).toContain("flw-trouble");
  expect(el.querySelector(".flw-system")?.firstElementChild?.className).toBe("flw-banner");
});

it("requests details and actions of an expanded row", () => {
  const { model, el, texts } = open();
  model.sent.length = 0;
  el.querySelectorAll<HTMLElement>("button.flw-row-line")[1]?.click();
  expect(model.sent).toEqual([{ kind: "show_actions", name: "hospital-a" }, { kind: "request_details" }]);
  expect(texts(".flw-detail")).toEqual(["loading…", "loading…"]);
  model.receive({ view_model: { ...written, details_at: T, unknown_detail: "not known (your role may not)" } });
  expect(texts(".flw-detail")[0]).toBe("not known (your role may not)");
});

it.each([null, 5, { rows: "x", problems: [5] }, { rows: [null, { name: 5, state: "x" }] }])(
  "survives %j",
  (view_model) => {
    const model = new FakeModel({ view_model, actions: {} });
    expect(() => systemWidget().render({ model, el: document.createElement("div") })).not.toThrow();
  },
);
