import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  FIRST_RETRY_S,
  Link,
  type LinkNotification,
  MAX_RETRY_S,
  PROTOCOL,
  type Socket,
  type ViewListener,
} from "./link";
import type { RemoteModel } from "./model";
import { createSidebar } from "./sidebar/view";
import { readFacts } from "./sidebar/view-model";
import { statusText } from "./status";

type Message = Record<string, unknown>;

class FakeSocket implements Socket {
  onopen: (() => void) | null = null;
  onmessage: ((event: { readonly data: unknown }) => void) | null = null;
  onclose: ((event: unknown) => void) | null = null;
  readonly sent: Message[] = [];
  isClosed = false;

  send(text: string): void {
    this.sent.push(JSON.parse(text) as Message);
  }
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.onclose?.({});
  }
  say(message: unknown): void {
    this.onmessage?.({ data: typeof message === "string" ? message : JSON.stringify(message) });
  }
  welcome(more: Message = {}): void {
    this.onopen?.();
    this.say({ op: "welcome", protocol: PROTOCOL, version: "1", read_only: false, may: ["read", "write"], ...more });
  }
  /** The messages of a kind, after the first one. */
  of(op: string): Message[] {
    return this.sent.filter((message) => message["op"] === op);
  }
  lastRef(): unknown {
    return this.sent.at(-1)?.["ref"];
  }
}

function start({ status = 200 } = {}) {
  const sockets: FakeSocket[] = [];
  const readStatus = vi.fn(async () => status);
  const link = new Link(
    {
      openSocket: () => {
        const socket = new FakeSocket();
        sockets.push(socket);
        return socket;
      },
      readStatus,
    },
    "1",
  );
  link.start();
  const latest = (): FakeSocket => {
    const socket = sockets.at(-1);
    if (!socket) throw new Error("no socket");
    return socket;
  };
  return { link, sockets, latest, readStatus };
}

/** A view that notes what it is told. */
function listener() {
  const models: RemoteModel[] = [];
  const words: string[] = [];
  const told: ViewListener = {
    model: (model) => void models.push(model),
    refused: (why) => void words.push(`refused: ${why}`),
    gone: (why) => void words.push(`gone: ${why}`),
  };
  return { told, models, words };
}

const pass = (seconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(seconds * 1000);

beforeEach(() => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
});
afterEach(() => vi.useRealTimers());

describe("the connection", () => {
  it("greets, and knows what the user may do", () => {
    const { link, latest } = start();
    expect(link.state).toBe("connecting");
    latest().welcome({ read_only: true });
    expect(latest().sent[0]).toMatchObject({ op: "hello", protocol: PROTOCOL, version: "1" });
    expect(link.state).toBe("connected");
    expect(link.permissions).toEqual({ readOnly: true, mayWrite: true, mayExecute: false });
  });

  it("comes back after growing delays, at once when the browser is online again", async () => {
    const { link, sockets, latest } = start({ status: 0 });
    latest().welcome();
    latest().close();
    await pass(0);
    expect(link.state).toBe("lost");
    expect(link.lostAt).not.toBeNull();
    await pass(FIRST_RETRY_S);
    expect(sockets).toHaveLength(2);
    for (let i = 0; i < 8; i++) {
      latest().close();
      await pass(MAX_RETRY_S);
    }
    expect(sockets).toHaveLength(10);
    latest().close();
    await pass(MAX_RETRY_S / 2);
    expect(sockets).toHaveLength(10);
    dispatchEvent(new Event("online"));
    await pass(0);
    expect(sockets).toHaveLength(11);
    latest().welcome();
    expect(link.state).toBe("connected");
    expect(link.lostAt).toBeNull();
  });

  it.each([
    [404, "absent"],
    [403, "forbidden"],
  ] as const)("is not tried again after HTTP status %i", async (status, state) => {
    const { link, sockets, latest, readStatus } = start({ status });
    latest().close();
    await pass(600);
    dispatchEvent(new Event("online"));
    await pass(1);
    expect(link.state).toBe(state);
    expect(sockets).toHaveLength(1);
    expect(readStatus).toHaveBeenCalledTimes(1);
  });

  it("is given up with a server of another protocol", async () => {
    const { link, sockets, latest } = start();
    latest().welcome({ protocol: PROTOCOL + 1 });
    await pass(600);
    expect(link.state).toBe("outdated");
    expect(sockets).toHaveLength(1);
  });

  it("leaves no timer when it is disposed of", async () => {
    const { link, latest } = start();
    latest().close();
    await pass(0);
    link.dispose();
    expect(vi.getTimerCount()).toBe(0);
  });

  it("survives junk", () => {
    const { link, latest } = start();
    latest().welcome();
    const junk = ["", "{", "[]", "null", 7, { op: "state" }, { op: "update", model: {} }, { op: "opened", ref: "x" }];
    for (const one of [...junk, { op: "sidebar" }, { op: "done", ref: 99 }, { op: "?" }]) latest().say(one);
    expect(link.state).toBe("connected");
  });

  it("survives whatever a server says, and the sidebar too", () => {
    const { link, latest } = start();
    latest().welcome();
    const { element, draw } = createSidebar({ run: vi.fn(), now: () => 0 });
    link.onFacts(() => {
      const facts = readFacts(link.facts);
      statusText(facts, false);
      draw({ link: link.state, lostAt: null, mayExecute: true, mayWrite: true, facts });
    });
    const view = listener();
    link.open({ kind: "jobs", args: {} }, view.told);
    const random = randomNumbers(15);
    for (let i = 0; i < 500; i++) latest().say(makeFrame(random));
    expect(link.state).toBe("connected");
    expect(element.querySelector("script, img")).toBeNull();
    latest().say({ op: "sidebar", seq: 1, set: { sessions: [{ name: "ada", state: "ready" }] } });
    expect(element.textContent).toContain("ada");
    expect(view.models.length + view.words.length).toBeGreaterThan(0);
  });
});

const OPS = ["opened", "refused", "done", "state", "update", "custom", "gone", "sidebar", "notification", "?"];
const NAMES = ["ref", "model", "view", "state", "content", "why", "set", "open", "kind", "args", "words", "tone", "id"];
const FACTS = ["sessions", "kits", "jobs", "sites", "ended", "trouble", "local", "lessons", "read_only"];
const FIELDS = ["name", "state", "words", "rows", "total", "trouble", "since", "fraction", "round", "rounds", "folder"];
const VALUES = [
  null,
  true,
  -1,
  0,
  1,
  2,
  1e308,
  "",
  "m",
  "jobs",
  "ready",
  "\u202e\u0000",
  "<img src=x>",
  "x".repeat(900),
];

/** Return a source of numbers from 0 up to a limit, the same in each run (mulberry32). */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** Make a frame of a kind that exists, whose content is anything. */
function makeFrame(random: (limit: number) => number): unknown {
  const pick = <T>(items: readonly T[]): T => items[random(items.length)] as T;
  const make = (names: readonly string[], depth: number): unknown => {
    const kind = random(depth > 0 ? 4 : 2);
    if (kind < 2) return pick(VALUES);
    const items = Array.from({ length: random(4) }, () => make(FIELDS, depth - 1));
    return kind === 2 ? items : Object.fromEntries(items.map((item) => [pick(names), item]));
  };
  const frame = Object.fromEntries(NAMES.filter(() => random(2)).map((name) => [name, make(FIELDS, 2)]));
  const facts = Object.fromEntries(FACTS.filter(() => random(2)).map((name) => [name, make(FIELDS, 4)]));
  return { op: pick(OPS), ...frame, ...(random(2) ? { set: facts } : {}) };
}

describe("a question", () => {
  it("is answered or refused", async () => {
    const { link, latest } = start();
    latest().welcome();
    const good = link.ask("connect", { kit: 1 });
    expect(latest().sent.at(-1)).toMatchObject({ op: "ask", do: "connect", args: { kit: 1 } });
    latest().say({ op: "done", ref: latest().lastRef(), value: 7 });
    await expect(good).resolves.toBe(7);
    const bad = link.ask("connect", { kit: 2 });
    latest().say({ op: "refused", ref: latest().lastRef(), why: "The kit has expired." });
    await expect(bad).rejects.toThrow("The kit has expired.");
  });

  it("fails when the connection is lost, and without one", async () => {
    const { link, latest } = start();
    await expect(link.ask("refresh")).rejects.toThrow("The Jupyter server does not answer.");
    latest().welcome();
    const pending = link.ask("refresh");
    latest().close();
    await expect(pending).rejects.toThrow("was lost");
  });
});

describe("a view", () => {
  const JOBS = { kind: "jobs", args: { session: "ada" } };

  function open() {
    const started = start();
    const view = listener();
    const opened = started.link.open(JOBS, view.told);
    started.latest().welcome();
    const show = (model: string, state: Message): void => {
      const socket = started.latest();
      socket.say({ op: "opened", ref: socket.of("open").at(-1)?.["ref"], model, view: "jobs" });
      socket.say({ op: "state", model, view: "jobs", state });
    };
    return { ...started, ...view, opened, show };
  }

  it("is asked for once there is a connection, and followed", () => {
    const { latest, models, show } = open();
    show("m1", { seq: 3 });
    expect(latest().of("open")).toMatchObject([JOBS]);
    expect(latest().of("follow")).toEqual([{ op: "follow", model: "m1" }]);
    expect(models.map(({ id, view }) => [id, view])).toEqual([["m1", "jobs"]]);
    expect(models[0]?.get("seq")).toBe(3);
  });

  it("hears of changes and messages, and sends its own", () => {
    const { latest, models, show } = open();
    show("m1", { seq: 1, study: "a" });
    const heard: unknown[] = [];
    models[0]?.on("change:seq", (value) => heard.push(value));
    models[0]?.on("change:study", (value) => heard.push(value));
    models[0]?.on("msg:custom", (content) => heard.push(content));
    latest().say({ op: "update", model: "m1", state: { seq: 2, study: "a" } });
    latest().say({ op: "custom", model: "m1", content: { kind: "rows" } });
    expect(heard).toEqual([2, { kind: "rows" }]);
    models[0]?.send({ kind: "visible" });
    expect(latest().sent.at(-1)).toEqual({ op: "send", model: "m1", content: { kind: "visible" } });
    latest().close();
    expect(() => models[0]?.send({})).toThrow();
  });

  it("goes on after a reconnection if the server still has its model", async () => {
    const { latest, models, show } = open();
    show("m1", { seq: 1 });
    latest().close();
    await pass(1);
    latest().welcome();
    show("m1", { seq: 9 });
    expect(models).toHaveLength(1);
    expect(models[0]?.get("seq")).toBe(9);
  });

  it("gets another model from a restarted server", async () => {
    const { latest, models, show } = open();
    show("m1", { seq: 9 });
    latest().close();
    await pass(1);
    latest().welcome();
    show("m2", { seq: 0 });
    expect(models.map(({ id }) => id)).toEqual(["m1", "m2"]);
  });

  it("is told of a refusal and of its end, and may be asked for again", () => {
    const { latest, words, models, opened, show } = open();
    latest().say({ op: "refused", ref: latest().lastRef(), why: "Not connected." });
    opened.reopen();
    show("m1", {});
    opened.reopen(); // it is shown
    expect(latest().of("open")).toHaveLength(2);
    latest().say({ op: "gone", model: "m1", why: "logged out" });
    expect(words).toEqual(["refused: Not connected.", "gone: logged out"]);
    opened.reopen();
    show("m2", {});
    expect(models.map(({ id }) => id)).toEqual(["m1", "m2"]);
  });

  it("shares its model, which is left with the last view", () => {
    const { link, latest, opened, show } = open();
    show("m1", {});
    const nested = listener();
    const other = link.open("m1", nested.told);
    latest().say({ op: "state", model: "m1", view: "jobs", state: {} });
    expect(nested.models.map(({ id }) => id)).toEqual(["m1"]);
    opened.close();
    expect(latest().of("leave")).toEqual([]);
    other.close();
    expect(latest().of("leave")).toEqual([{ op: "leave", model: "m1" }]);
  });
});

it("the facts of the sidebar are kept by name", () => {
  const { link, latest } = start();
  const changed = vi.fn();
  link.onFacts(changed);
  latest().welcome();
  latest().say({ op: "sidebar", seq: 1, set: { sessions: [], kits: [1] } });
  latest().say({ op: "sidebar", seq: 2, set: { kits: [2] } });
  expect(Object.fromEntries(link.facts)).toEqual({ sessions: [], kits: [2] });
  expect(changed).toHaveBeenCalledTimes(2);
});

it("a hostile notification is text", () => {
  const { link, latest } = start();
  const told: LinkNotification[] = [];
  link.onNotification((notification) => told.push(notification));
  latest().welcome();
  latest().say({ op: "notification", id: 7, words: "a\u202eb", tone: "?", open: { kind: 3 } });
  expect(told).toEqual([{ id: "", words: "a\uFFFDb", tone: "info", open: null }]);
});
