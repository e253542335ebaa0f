import axe from "axe-core";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { COMMANDS } from "../commands";
import { createSidebar, type SidebarState } from "./view";
import { readFacts } from "./view-model";

const NOW = 1_795_000_000;
const EVIL = "<img src=x onerror=pwned()>\u202e";

const SESSION = {
  name: "ada@server",
  user: "ada@example.org",
  role: "project_admin",
  org: "nvidia",
  project: "heart",
  study: "default",
  address: "server:8002",
  state: "ready",
  words: "",
  days_left: 300,
  current: true,
  read_only: false,
};
const KIT = {
  id: "kit-1",
  name: "site-lead",
  user: "lea",
  role: "lead",
  org: "a.org",
  folder: "kits/lead",
  usable: true,
};
const JOB = {
  id: "a1",
  name: "hello",
  status: "running",
  glyph: "●",
  words: "round 6 of 10",
  round: 6,
  rounds: 10,
  fraction: 0.5,
  since: NOW - 134,
  hint: "needs nothing",
};
const FACTS = {
  sessions: [SESSION],
  kits: [KIT],
  jobs: { total: 1, rows: [JOB] },
  sites: { connected: 3, total: 4, trouble: [{ name: "hospital-c", words: "no heartbeat" }] },
  ended: { finished: 4, failed: 1, since: NOW - 86_400 },
  trouble: null,
  local: { state: "stopped", words: "" },
  read_only: false,
};
const EMPTY = { ...FACTS, sessions: [], kits: [], jobs: { total: 0, rows: [] }, ended: { finished: 0, failed: 0 } };

const EMPTY_WITHOUT_KITS = { ...EMPTY, kits: [] };

beforeEach(() => {
  vi.useFakeTimers();
  vi.setSystemTime(NOW * 1000);
});
afterEach(() => {
  vi.useRealTimers();
  document.body.replaceChildren();
});

function open(facts: Record<string, unknown> = FACTS, more: Partial<SidebarState> = {}) {
  const run = vi.fn();
  const view = createSidebar({ run, now: () => Date.now() / 1000 });
  document.body.append(view.element);
  const draw = (next: Record<string, unknown>, others: Partial<SidebarState> = {}): void =>
    view.draw({
      link: "connected",
      lostAt: null,
      mayExecute: true,
      mayWrite: true,
      facts: readFacts(new Map(Object.entries(next))),
      ...others,
    });
  draw(facts, more);
  const { element } = view;
  const isShown = (found: Element): boolean => found.closest("[hidden]") === null;
  const text = (): string => [...element.children].filter(isShown).map(textOf).join(" ");
  const button = (name: string): HTMLElement => {
    const found = [...element.querySelectorAll("button")].find(
      (each) => isShown(each) && (each.getAttribute("aria-label") ?? textOf(each)).includes(name),
    );
    if (!found) throw new Error(`no button ${name}`);
    return found;
  };
  return { run, view, element, draw, text, button };
}

/** The text that is seen. */
function textOf(element: Element): string {
  if (element instanceof HTMLElement && element.hidden) return "";
  if (!element.children.length) return element.textContent ?? "";
  return [...element.childNodes]
    .map((node) => (node instanceof Element ? textOf(node) : (node.textContent ?? "")))
    .filter(Boolean)
    .join(" ");
}

describe("the sidebar of a session", () => {
  it("shows jobs with their round, sites in trouble, and what ended", () => {
    const { text, element } = open();
    for (const part of ["ada@server", "heart · study default", "site-lead", "hello", "round 6 of 10", "2 min 14 s"])
      expect(text()).toContain(part);
    for (const part of ["3 of 4 connected", "hospital-c", "no heartbeat", "4 finished", "1 failed"])
      expect(text()).toContain(part);
    expect(element.querySelector<HTMLElement>(".flw-lab-bar span")?.style.width).toBe("50%");
  });

  it("counts the time of a job on", () => {
    const { text } = open();
    vi.advanceTimersByTime(6000);
    expect(text()).toContain("2 min 20 s");
  });

  it("runs a command for each button", () => {
    const { run, button } = open();
    button("ada@server").click();
    button("hello").click();
    button("1 failed").click();
    button("Connect with site-lead").click();
    button("All jobs").click();
    button("Start").click();
    expect(run.mock.calls).toEqual([
      [COMMANDS.openJobs, { session: "ada@server" }],
      [COMMANDS.open, { kind: "job", job: "a1", name: "hello" }],
      [COMMANDS.openJobs, { status: "failed" }],
      [COMMANDS.connect, { kit: "kit-1" }],
      [COMMANDS.openJobs],
      [COMMANDS.startLocal],
    ]);
  });

  it("opens menus of kits and sessions, by their button and by a right click", () => {
    const { run, button, element } = open();
    button("Menu of site-lead").click();
    for (const words of ["site-lead", "ada@server"]) {
      const item = [...element.querySelectorAll("li")].find((each) => each.textContent?.includes(words));
      const event = new MouseEvent("contextmenu", { bubbles: true, cancelable: true, clientX: 7, clientY: 9 });
      item?.firstElementChild?.dispatchEvent(event);
      expect(event.defaultPrevented).toBe(true);
    }
    expect(run.mock.calls).toEqual([
      [COMMANDS.kitMenu, { kit: "kit-1", x: 0, y: 0 }],
      [COMMANDS.kitMenu, { kit: "kit-1", x: 7, y: 9 }],
      [COMMANDS.sessionMenu, { session: "ada@server", x: 7, y: 9 }],
    ]);
  });

  it("makes another session the current one", () => {
    const other = { ...SESSION, name: "lea@server", current: false };
    const { run, button } = open({ ...FACTS, sessions: [SESSION, other] });
    button("lea@server").click();
    expect(run).toHaveBeenCalledWith(COMMANDS.use, { session: "lea@server" });
    expect(button("ada@server").getAttribute("aria-current")).toBe("true");
  });

  it("keeps the focus in the sidebar when what had it goes", () => {
    const { element, button, draw } = open(EMPTY_WITHOUT_KITS);
    button("Start a federation").focus();
    draw({ ...EMPTY_WITHOUT_KITS, local: { state: "starting", words: "" } });
    expect(document.activeElement).toBe(element);
    draw(FACTS);
    button("hello").focus();
    draw({ ...FACTS, jobs: { total: 0, rows: [] } });
    expect(document.activeElement).toBe(element);
  });

  it("takes no focus from elsewhere", () => {
    const { draw } = open();
    draw({ ...FACTS, jobs: { total: 0, rows: [] } });
    expect(document.activeElement).toBe(document.body);
  });

  it("keeps the focus when a job makes progress", () => {
    const { draw, button } = open();
    button("hello").focus();
    draw({ ...FACTS, jobs: { total: 1, rows: [{ ...JOB, words: "round 7 of 10", fraction: 0.6 }] } });
    expect(document.activeElement?.textContent).toContain("round 7 of 10");
  });

  it("says loading until the first answer", () => {
    const unknown = { jobs: { total: 0, rows: [], known: false }, sites: { connected: 0, total: 0, known: false } };
    expect(open({ ...FACTS, ...unknown }).text()).not.toContain("No job is running");
    expect(open({ ...FACTS, jobs: { total: 0, rows: [] } }).text()).toContain("No job is running or waiting.");
  });

  it("warns of a certificate that ends soon", () => {
    expect(open({ ...FACTS, sessions: [{ ...SESSION, days_left: 5 }] }).text()).toContain("certificate ends in 5 days");
  });

  it("shows hostile names as text", () => {
    const hostile = {
      ...FACTS,
      sessions: [{ ...SESSION, name: EVIL, words: EVIL, state: "failed" }],
      jobs: { total: 1, rows: [{ ...JOB, name: EVIL, words: EVIL, hint: EVIL, glyph: EVIL }] },
      kits: [{ ...KIT, name: EVIL, words: EVIL, usable: false }],
      sites: { connected: 0, total: 1, trouble: [{ name: EVIL, words: EVIL }] },
      trouble: { words: `${EVIL} \`x\``, facts_at: null },
      local: { state: "failed", words: EVIL },
    };
    const { element } = open(hostile);
    expect(element.querySelector("img")).toBeNull();
    expect(element.textContent).toContain("<img src=x onerror=pwned()>");
    expect(element.textContent).not.toContain("\u202e");
  });
});

describe("the empty sidebar", () => {
  it("offers to choose a folder, to start a federation, and a lesson", () => {
    const { text, run, button } = open({ ...EMPTY, lessons: [{ name: "lesson 01", path: "notebooks/01.ipynb" }] });
    expect(text()).toContain("No startup kit was found here.");
    button("Choose a folder…").click();
    button("Start a federation to learn with").click();
    button("Open lesson 01").click();
    expect(run.mock.calls).toEqual([
      [COMMANDS.connectFolder],
      [COMMANDS.startLocal],
      [COMMANDS.openLesson, { path: "notebooks/01.ipynb" }],
    ]);
  });

  it("explains why no federation can be started", () => {
    const { run, button } = open({ ...EMPTY, local: { state: "absent", words: "nvflare is not installed." } });
    const start = button("Start a federation");
    start.click();
    expect(run).not.toHaveBeenCalled();
    expect(start.title).toBe("nvflare is not installed.");
  });
});

describe("a sidebar without its server", () => {
  it("says so, and how old the facts are", () => {
    const { text, element, draw } = open();
    draw(FACTS, { link: "lost", lostAt: NOW - 40 });
    expect(text()).toContain("The Jupyter server does not answer. Trying again. Below: as of 40 s ago.");
    expect(text()).toContain("hello");
    expect(element.querySelector<HTMLElement>(".flw-lab-body")?.inert).toBe(true);
    draw(FACTS);
    expect(text()).not.toContain("does not answer");
  });

  it.each(["absent", "forbidden", "outdated"] as const)("shows one sentence when it is %s", (link) => {
    const { text } = open({}, { link, lostAt: NOW });
    expect(text()).not.toContain("SESSIONS");
    expect(text().length).toBeLessThan(220);
    if (link === "absent") expect(text()).toContain("pip install flare-widgets");
  });

  it("reports the age of FLARE's own facts", () => {
    const { text } = open({ ...FACTS, trouble: { words: "No connection to server:8002.", facts_at: NOW - 65 } });
    expect(text()).toContain("No connection to server:8002. Below: as of 1 min 5 s ago.");
  });

  it("ends a sentence of FLARE's before its own", () => {
    const { text } = open({ ...FACTS, trouble: { words: "no connection, trying again (2)", facts_at: NOW - 7 } });
    expect(text()).toContain("no connection, trying again (2). Below: as of 7 s ago.");
  });

  it("shows no site as connected while the server does not answer", () => {
    const sites = { connected: 2, total: 2, trouble: [] };
    const { button, draw } = open({ ...FACTS, sites, trouble: { words: "No connection.", facts_at: NOW - 7 } });
    expect(textOf(button("2 of 2"))).toBe("○ 2 of 2 were connected");
    draw({ ...FACTS, sites });
    expect(textOf(button("2 of 2"))).toBe("● 2 of 2 connected");
  });
});

describe("a reader who may only read", () => {
  it("sees a lock and why buttons are disabled", () => {
    const { text, run, button } = open({ ...FACTS, read_only: true });
    expect(text()).toContain("read only");
    button("Submit a job…").click();
    expect(run).not.toHaveBeenCalled();
    expect(button("Submit a job…").title).toContain("allows only reading");
  });

  it("cannot connect without the right to", () => {
    const { run, button } = open(FACTS, { mayExecute: false });
    button("Connect with site-lead").click();
    button("Connect with a startup kit…").click();
    expect(run).not.toHaveBeenCalled();
  });
});

it.each(["a session", "nothing"])("axe finds nothing with %s", async (what) => {
  vi.useRealTimers();
  const { element, view } = open(what === "nothing" ? EMPTY : FACTS);
  const { violations } = await axe.run(element, { rules: { "color-contrast": { enabled: false } } });
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
  view.dispose();
});

it("leaves no timer", () => {
  const { view } = open();
  view.dispose();
  expect(vi.getTimerCount()).toBe(0);
});
