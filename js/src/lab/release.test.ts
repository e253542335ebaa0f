/** Tabs with the real views, opened and closed many times: nothing of them stays in the page. */
import { afterEach, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { stubCanvas } from "../core/stub-canvas";
import { fixture } from "../job/fixtures";
import { NOW, withCategory } from "../jobs/fixtures";
import { Link, PROTOCOL, type Socket } from "./link";
import { type TabArgs, TabContent } from "./tab-content";
import { ViewHost } from "./view_host";

const ROUNDS = 50;
/** Promises in a row until a view that is loaded is drawn. */
const MAX_TURNS = 100;
const JOB = fixture("evaluated");
const ACTIONS = [{ name: "open", label: "open", state: "ready", revision: 0 }];

/** The arguments of a tab of each kind, and the state of its model. */
const TABS: readonly (readonly [Omit<TabArgs, "session">, Record<string, unknown>])[] = [
  [{ kind: "jobs" }, { study: "default", updated_at: NOW, sent_at: NOW, seq: 0, nested: "", actions: ACTIONS }],
  [
    { kind: "job", job: "a1", name: "hello" },
    { view_model: JOB.view_model, sent_at: JOB.now, charts: JOB.metrics, tables: JOB.tables, events: JOB.events },
  ],
  [{ kind: "system" }, { sent_at: NOW, view_model: {} }],
  [{ kind: "submit" }, { sent_at: NOW }],
  [
    { kind: "compare", jobs: ["a1", "b2"] },
    { sent_at: NOW, view_model: {} },
  ],
  [
    { kind: "results", job: "c3" },
    { heading: { name: "stats", job_id: "c3" }, contents: {}, metrics: [] },
  ],
];

const widgets = new Map<string, unknown>();
/** Load the module of a view, as the extension does. */
const load = async (view: string): Promise<unknown> => widgets.get(view);

/** What is observed or listened to now, by everything in the page. */
let observed = 0;
let listening = 0;

class CountingObserver {
  readonly #targets = new Set<unknown>();
  observe(target: unknown): void {
    if (!this.#targets.has(target)) observed++;
    this.#targets.add(target);
  }
  unobserve(target: unknown): void {
    if (this.#targets.delete(target)) observed--;
  }
  disconnect(): void {
    observed -= this.#targets.size;
    this.#targets.clear();
  }
  takeRecords(): unknown[] {
    return [];
  }
}

/** Count the listeners of the page. A spy would keep them, and what they know, for ever. */
function countListeners(target: EventTarget): void {
  const add = target.addEventListener.bind(target);
  const remove = target.removeEventListener.bind(target);
  target.addEventListener = (...args: Parameters<typeof add>) => {
    listening++;
    add(...args);
  };
  target.removeEventListener = (...args: Parameters<typeof remove>) => {
    listening--;
    remove(...args);
  };
}

beforeAll(async () => {
  for (const [{ kind }] of TABS) widgets.set(kind, (await import(`../${kind}/index.ts`)).default);
});
beforeEach(() => {
  vi.useFakeTimers();
  for (const name of ["IntersectionObserver", "MutationObserver", "ResizeObserver"])
    vi.stubGlobal(name, CountingObserver);
  stubCanvas();
  countListeners(window);
  countListeners(document);
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  document.body.replaceChildren();
});

/** A link whose server answers each request with the state of its kind, and what it still follows. */
function connect() {
  const followed = new Map<string, string>();
  let models = 0;
  const answer = (message: Record<string, unknown>): void => {
    const say = (said: Record<string, unknown>): void => socket.onmessage?.({ data: JSON.stringify(said) });
    const id = String(message["model"]);
    if (message["op"] === "open") {
      const model = `m${++models}`;
      followed.set(model, String(message["kind"]));
      say({ op: "opened", ref: message["ref"], model, view: message["kind"] });
    } else if (message["op"] === "follow") {
      const view = followed.get(id);
      say({ op: "state", model: id, view, state: TABS.find(([{ kind }]) => kind === view)?.[1] });
      const set = [["id-0", withCategory({ name: "job", status: "RUNNING", submitted_at: NOW })]];
      if (view === "jobs") say({ op: "custom", model: id, content: { kind: "rows", feed: "rows", seq: 0, set } });
    } else if (message["op"] === "leave") followed.delete(id);
  };
  const socket: Socket = {
    onopen: null,
    onmessage: null,
    onclose: null,
    send: (text) => answer(JSON.parse(text) as Record<string, unknown>),
    close: () => {},
  };
  const link = new Link({ openSocket: () => socket, readStatus: async () => 200 }, "1");
  link.start();
  const welcome = { op: "welcome", protocol: PROTOCOL, version: "1", read_only: false, may: ["read", "write"] };
  socket.onmessage?.({ data: JSON.stringify(welcome) });
  return { link, followed };
}

it("300 tabs that were opened and closed leave nothing behind", async () => {
  const { link, followed } = connect();
  const host = new ViewHost(link, load);
  const made: { readonly kind: string; readonly thing: WeakRef<object> }[] = [];
  const render = host.render.bind(host);
  host.render = (model, ...rest) => {
    made.push({ kind: `model of ${model.view}`, thing: new WeakRef(model) });
    return render(model, ...rest);
  };

  async function openAndClose([args]: (typeof TABS)[number]): Promise<void> {
    const content = new TabContent({
      link,
      host,
      args: { ...args, session: "ada" },
      open: () => {},
      connect: () => {},
      onTitle: () => {},
    });
    document.body.append(content.element);
    const isShown = (): boolean => content.element.querySelector(`.flw-${args.kind}.flw-live`) !== null;
    for (let turn = 0; turn < MAX_TURNS && !isShown(); turn++) await Promise.resolve();
    expect(isShown()).toBe(true);
    vi.advanceTimersByTime(1500);
    made.push({ kind: args.kind, thing: new WeakRef(content.element) });
    content.dispose();
    content.element.remove();
  }

  for (const each of TABS) await openAndClose(each); // what is loaded once for all
  const before = { observed, listening, timers: vi.getTimerCount() };
  for (let round = 0; round < ROUNDS; round++) for (const each of TABS) await openAndClose(each);
  vi.advanceTimersByTime(60_000);
  expect({ observed, listening, timers: vi.getTimerCount() }).toEqual(before);
  expect([...followed]).toEqual([]);
  expect(document.body.children.length).toBe(0);
  // The last of each kind may still be held by what the environment remembers of the document.
  vi.useRealTimers();
  vi.clearAllMocks(); // the canvas that draws nothing knows where it was asked for
  await new Promise((resolve) => setTimeout(resolve));
  (globalThis as unknown as { gc(): void }).gc();
  const alive = made.filter(({ thing }) => thing.deref() !== undefined).map(({ kind }) => kind);
  expect(alive.length, alive.join()).toBeLessThan(4 * TABS.length);
  link.dispose();
}, 60_000);
