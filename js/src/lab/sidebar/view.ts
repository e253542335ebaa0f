/** The sidebar, drawn from its facts. Independent of JupyterLab: its buttons run commands. */
import { h, setText, setVisible, whenChanged } from "../../core/dom";
import { STATUS_GLYPHS, type StatusCategory, toStatusCategory } from "../../core/status";
import { formatDuration } from "../../core/time";
import { COMMANDS, type Run } from "../commands";
import type { LinkState } from "../link";
import { createIcon, type IconName } from "./icons";
import type { JobFacts, KitFacts, SessionFacts, SessionState, SidebarFacts } from "./view-model";

export interface SidebarState {
  readonly link: LinkState;
  /** The time at which the connection was lost; null while there is one. */
  readonly lostAt: number | null;
  /** This user may connect, log out, and run things. */
  readonly mayExecute: boolean;
  readonly mayWrite: boolean;
  readonly facts: SidebarFacts;
}

export interface SidebarOptions {
  readonly run: Run;
  /** The browser's clock, in seconds. */
  readonly now: () => number;
}

export interface SidebarView {
  readonly element: HTMLElement;
  draw(state: SidebarState): void;
  /** Have the focus in the sidebar, where the next Tab leads to its first button. */
  focus(): void;
  dispose(): void;
}

export const LINK_WORDS: Readonly<Record<Exclude<LinkState, "connected">, string>> = {
  connecting: "Connecting to the Jupyter server…",
  lost: "The Jupyter server does not answer. Trying again.",
  absent:
    "The other half of this extension is not installed where JupyterLab runs. Run `pip install flare-widgets` there, " +
    "then restart JupyterLab.",
  forbidden: "You may not use NVIDIA FLARE on this Jupyter server. Ask whoever runs it.",
  outdated: "This page and the Jupyter server have different versions of flare-widgets. Reload the page.",
};

const READ_ONLY = "Whoever runs this Jupyter server allows only reading.";
const MAY_ONLY_READ = "You may only read on this Jupyter server.";

const SESSION_GLYPHS: Readonly<Record<SessionState, string>> = {
  ready: "●",
  connecting: "◌",
  lost: "!",
  asleep: "○",
  failed: "✕",
};
const SESSION_WORDS: Readonly<Record<SessionState, string>> = {
  ready: "ready",
  connecting: "connecting",
  lost: "reconnecting",
  asleep: "asleep",
  failed: "failed",
};

const dayFormat = new Intl.DateTimeFormat(undefined, {
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

const TICK_MS = 1000;
const MAX_SITES_IN_TROUBLE = 8;
/** Days before the end of a certificate from which on it is mentioned. */
const EXPIRES_SOON_DAYS = 30;

export function createSidebar({ run, now }: SidebarOptions): SidebarView {
  const lock = h("span", { class: "flw-lab-lock", title: READ_ONLY }, createIcon("lock"), "read only");
  const notice = h("p", { class: "flw-lab-notice", role: "status" });
  const head = h(
    "div",
    { class: "flw-lab-head" },
    h("h2", {}, "NVIDIA FLARE"),
    lock,
    iconButton("refresh", "Ask the server now", () => run(COMMANDS.refresh)),
    iconButton("settings", "Settings", () => run(COMMANDS.openSettings)),
  );
  const add = iconButton("add", "Connect with a startup kit…", () => run(COMMANDS.connect));
  const sessions = createSection("Sessions", add);
  const kits = createSection("Kits at hand");
  const jobs = createSection("Active jobs");
  const sites = createSection("Sites");
  const ended = createSection("Ended");
  const local = createSection("Local federation");
  const start = h("div", { class: "flw-lab-start" });
  const sections = [sessions, kits, jobs, sites, ended, local];
  const body = h("div", { class: "flw-lab-body" }, start, ...sections.map((section) => section.element));
  const element = h(
    "div",
    { class: "flw-lab", role: "region", "aria-label": "NVIDIA FLARE", tabindex: "-1" },
    head,
    notice,
    body,
  );
  let latest: SidebarState | undefined;

  /** Reason why what changes something is disabled; empty if it is not. */
  function whyNoWrite(state: SidebarState): string {
    return state.facts.isReadOnly ? READ_ONLY : state.mayWrite ? "" : MAY_ONLY_READ;
  }
  const whyNoExecute = (state: SidebarState): string => (state.mayExecute ? "" : MAY_ONLY_READ);

  const drawSessions = whenChanged(({ rows, why }: { rows: readonly SessionFacts[]; why: string }) => {
    const none = h("li", { class: "flw-lab-quiet" }, "Not connected.");
    sessions.fill(rows.length ? rows.map((session) => createSession(session, run)) : [none]);
    disable(add, why);
  });
  const drawKits = whenChanged(({ rows, why }: { rows: readonly KitFacts[]; why: string }) => {
    kits.fill(rows.map((kit) => createKit(kit, why, run)));
  });
  const drawJobs = whenChanged(({ facts, why }: DrawnJobs) => {
    const { rows, total, isKnown } = facts;
    jobs.setCount(total > rows.length ? `${rows.length} of ${total}` : total > 0 ? String(total) : "");
    const submit = button("Submit a job…", "flw-lab-link", () => run(COMMANDS.openSubmit));
    submit.dataset["key"] = "submit";
    disable(submit, why);
    const all = button("All jobs", "flw-lab-link", () => run(COMMANDS.openJobs));
    all.dataset["key"] = "all jobs";
    const none = isKnown ? "No job is running or waiting." : "Loading…";
    jobs.fill([
      ...rows.map((job) => createJob(job, run)),
      ...(rows.length ? [] : [h("li", { class: "flw-lab-quiet" }, none)]),
      h("li", { class: "flw-lab-links" }, all, submit),
    ]);
  });
  const drawSites = whenChanged(({ facts, isStale }: DrawnSites) => {
    const { connected, total, trouble, isKnown } = facts;
    const isWell = connected === total;
    const known = `${connected} of ${total} ${isStale ? "were connected" : "connected"}`;
    const words = isKnown ? (total === 0 ? "No sites yet" : known) : "Loading…";
    const summary = h(
      "button",
      { class: "flw-lab-row", type: "button", "data-key": "sites", title: "Open the system" },
      total === 0 || isStale ? glyph("○", "quiet") : glyph(isWell ? "●" : "!", isWell ? "good" : "warn"),
      h("span", { class: "flw-lab-name" }, words),
    );
    summary.addEventListener("click", () => run(COMMANDS.openSystem));
    const hidden = trouble.length - MAX_SITES_IN_TROUBLE;
    sites.fill([
      h("li", {}, summary),
      ...trouble
        .slice(0, MAX_SITES_IN_TROUBLE)
        .map(({ name, words: problem }) =>
          h(
            "li",
            { class: "flw-lab-row flw-lab-site" },
            glyph("!", "warn"),
            h("span", { class: "flw-lab-name", title: name }, name),
            h("span", { class: "flw-lab-words", title: problem }, problem),
          ),
        ),
      ...(hidden > 0 ? [h("li", { class: "flw-lab-quiet" }, `and ${hidden} more`)] : []),
    ]);
  });
  const drawEnded = whenChanged(({ finished, failed, since }: SidebarFacts["ended"]) => {
    ended.setCount(since === null ? "" : `since ${dayFormat.format(since * 1000)}`);
    const part = (words: string, mark: string, tone: Tone, filter: string): HTMLElement => {
      const filtered = button("", "flw-lab-row", () => run(COMMANDS.openJobs, { status: filter }));
      filtered.dataset["key"] = filter;
      filtered.append(glyph(mark, tone), h("span", {}, words));
      filtered.title = `Show the ${filter} jobs`;
      return filtered;
    };
    ended.fill([
      h(
        "li",
        { class: "flw-lab-ended" },
        part(`${finished} finished`, "✓", "good", "completed"),
        part(`${failed} failed`, "✕", failed > 0 ? "bad" : "quiet", "failed"),
      ),
    ]);
  });
  const drawLocal = whenChanged(({ facts, why }: { facts: SidebarFacts["local"]; why: string }) => {
    const { state, words } = facts;
    const isUp = state === "running" || state === "starting";
    const act = button(isUp ? "Stop" : "Start", "flw-lab-link", () =>
      run(isUp ? COMMANDS.stopLocal : COMMANDS.startLocal),
    );
    act.dataset["key"] = "local";
    disable(act, why);
    local.fill([
      h(
        "li",
        { class: "flw-lab-row" },
        glyph(isUp ? "●" : state === "failed" ? "✕" : "○", isUp ? "good" : state === "failed" ? "bad" : "quiet"),
        h("span", { class: "flw-lab-name", title: words }, words || state),
        ...(state === "absent" ? [] : [act]),
      ),
    ]);
  });
  const drawStart = whenChanged(({ local: { state, words }, lessons, whyNot }: DrawnStart) => {
    const choose = button("Choose a folder…", "flw-lab-button", () => run(COMMANDS.connectFolder));
    const learn = button("Start a federation to learn with", "flw-lab-button", () => run(COMMANDS.startLocal));
    disable(choose, whyNot);
    disable(learn, state === "absent" ? words || "nvflare is not installed where JupyterLab runs." : whyNot);
    const [lesson] = lessons;
    const open = lesson
      ? [button(`Open ${lesson.name}`, "flw-lab-button", () => run(COMMANDS.openLesson, { path: lesson.path }))]
      : [];
    start.replaceChildren(
      h(
        "p",
        {},
        "No startup kit was found here. A startup kit is the folder that the administrator of a federation gave you.",
      ),
      choose,
      ...(state === "running" ? [] : [learn]),
      ...(state === "absent" ? [h("p", { class: "flw-lab-quiet" }, words)] : []),
      ...open,
    );
  });

  /** Return whether something that is seen in the sidebar, or all of it, has the focus. */
  function hasFocus(): boolean {
    const active = document.activeElement;
    return element.contains(active) && active?.closest("[hidden]") === null;
  }

  function draw(state: SidebarState): void {
    const hadFocus = hasFocus();
    redraw(state);
    if (hadFocus) focus(); // what had it may be gone: the keyboard would start at the top of the page
  }

  function focus(): void {
    if (!hasFocus()) element.focus({ preventScroll: true });
  }

  function redraw(state: SidebarState): void {
    latest = state;
    const { facts, link } = state;
    const isConnected = link === "connected";
    const hasSession = facts.sessions.length > 0;
    const isKnown = facts.isKnown && (isConnected || link === "lost");
    element.classList.toggle("flw-lab-lost", !isConnected);
    setVisible(lock, facts.isReadOnly);
    setVisible(body, isKnown);
    body.inert = !isConnected;
    const noWrite = whyNoWrite(state);
    drawSessions({ rows: facts.sessions, why: whyNoExecute(state) });
    drawKits({ rows: facts.kits, why: whyNoExecute(state) });
    drawJobs({ facts: facts.jobs, why: noWrite });
    drawSites({ facts: facts.sites, isStale: facts.trouble !== null });
    drawEnded(facts.ended);
    drawLocal({ facts: facts.local, why: whyNoExecute(state) });
    drawStart({ local: facts.local, lessons: facts.lessons, whyNot: whyNoExecute(state) });
    const isEmpty = !hasSession && facts.kits.length === 0;
    setVisible(start, isEmpty && facts.local.state !== "starting");
    sessions.show(hasSession || facts.kits.length > 0);
    kits.show(facts.kits.length > 0);
    jobs.show(hasSession);
    sites.show(hasSession);
    ended.show(facts.ended.finished + facts.ended.failed > 0);
    local.show(facts.local.state !== "absent" && (facts.local.state !== "stopped" || !isEmpty));
    tick();
  }

  /** Draw what changes with time alone. */
  function tick(): void {
    if (!latest) return;
    const { link, lostAt, facts } = latest;
    notice.classList.toggle("flw-lab-quiet", link === "connecting");
    setNotice(notice, noticeWords(link, lostAt, facts, now()));
    for (const since of element.querySelectorAll<HTMLElement>("[data-since]")) {
      setText(since, formatDuration(now() - Number(since.dataset["since"])));
    }
  }

  const ticker = setInterval(tick, TICK_MS);
  return {
    element,
    draw,
    focus,
    dispose() {
      clearInterval(ticker);
      element.remove();
    },
  };
}

interface DrawnJobs {
  readonly facts: SidebarFacts["jobs"];
  readonly why: string;
}

interface DrawnSites {
  readonly facts: SidebarFacts["sites"];
  /** The server does not answer: the sites are as it told last. */
  readonly isStale: boolean;
}

interface DrawnStart {
  readonly local: SidebarFacts["local"];
  readonly lessons: SidebarFacts["lessons"];
  readonly whyNot: string;
}

/** Return what is wrong with the connections, to the Jupyter server or to FLARE; empty if nothing is. */
function noticeWords(link: LinkState, lostAt: number | null, facts: SidebarFacts, now: number): string {
  const ago = (at: number): string => formatDuration(now - at);
  if (link === "lost" && lostAt !== null && facts.isKnown) return `${LINK_WORDS.lost} Below: as of ${ago(lostAt)} ago.`;
  if (link !== "connected") return LINK_WORDS[link];
  const { trouble } = facts;
  if (!trouble) return "";
  if (trouble.factsAt === null) return trouble.words;
  return `${trouble.words.replace(/\.?$/, ".")} Below: as of ${ago(trouble.factsAt)} ago.`;
}

/** Show a sentence; what stands in backquotes is shown as code. */
function setNotice(notice: HTMLElement, words: string): void {
  setVisible(notice, words !== "");
  if (notice.dataset["words"] === words) return;
  notice.dataset["words"] = words;
  notice.replaceChildren(...words.split("`").map((part, i) => (i % 2 ? h("code", {}, part) : part)));
}

type Tone = "good" | "warn" | "bad" | "busy" | "quiet";

function glyph(text: string, tone: Tone): HTMLElement {
  return h("span", { class: `flw-lab-glyph flw-lab-${tone}`, "aria-hidden": "true" }, text);
}

const TONES: Readonly<Record<StatusCategory, Tone>> = {
  unknown: "quiet",
  waiting: "quiet",
  running: "busy",
  done: "good",
  stopped: "quiet",
  failed: "bad",
  lost: "warn",
};

const SESSION_TONES: Readonly<Record<SessionState, Tone>> = {
  ready: "good",
  connecting: "busy",
  lost: "warn",
  asleep: "quiet",
  failed: "bad",
};

function createSession(session: SessionFacts, run: Run): HTMLElement {
  const { name, state, words, role, org, project, study, address, user, daysLeft, isCurrent } = session;
  const days = daysLeft === null ? "" : `certificate valid for ${Math.floor(daysLeft)} days`;
  const details = [user, [role, org].filter(Boolean).join(", "), address, days, words].filter(Boolean);
  const facts = [project, study && `study ${study}`, session.isReadOnly && "read only"];
  const expires =
    daysLeft !== null && daysLeft < EXPIRES_SOON_DAYS
      ? h("span", { class: "flw-lab-line flw-lab-warn" }, `certificate ends in ${Math.floor(daysLeft)} days`)
      : "";
  const use = h(
    "button",
    {
      class: "flw-lab-row flw-lab-session",
      type: "button",
      title: `${details.join("\n")}\n\n${isCurrent ? "Open its jobs" : "Make it the current session"}`,
      "data-key": `session ${name}`,
      "data-session": name,
      ...(isCurrent ? { "aria-current": "true" } : {}),
    },
    glyph(SESSION_GLYPHS[state], SESSION_TONES[state]),
    h("span", { class: "flw-lab-name" }, name),
    h("span", { class: "flw-lab-words" }, SESSION_WORDS[state]),
    h("span", { class: "flw-lab-line" }, facts.filter(Boolean).join(" · ")),
    ...(words && state !== "ready" ? [h("span", { class: "flw-lab-line flw-lab-warn" }, words)] : []),
    expires,
  );
  use.addEventListener("click", () => run(isCurrent ? COMMANDS.openJobs : COMMANDS.use, { session: name }));
  const more = iconButton("menu", `Menu of ${name}`, () => {
    const { left, bottom } = more.getBoundingClientRect();
    run(COMMANDS.sessionMenu, { session: name, x: left, y: bottom });
  });
  more.setAttribute("aria-haspopup", "menu");
  more.dataset["key"] = `menu ${name}`;
  const item = h("li", { class: isCurrent ? "flw-lab-item flw-lab-current" : "flw-lab-item" }, use, more);
  onContextMenu(item, (x, y) => run(COMMANDS.sessionMenu, { session: name, x, y }));
  return item;
}

function createKit(kit: KitFacts, why: string, run: Run): HTMLElement {
  const { id, name, user, role, org, folder, isUsable, words } = kit;
  const who = [user === name ? "" : user, role, org].filter(Boolean).join(", ");
  const connect = button("Connect", "flw-lab-link", () => run(COMMANDS.connect, { kit: id }));
  connect.setAttribute("aria-label", `Connect with ${name}`);
  connect.dataset["key"] = `kit ${id}`;
  disable(connect, why || (isUsable ? "" : words || "This kit cannot be used."));
  const check = button("Check", "flw-lab-link", () => run(COMMANDS.checkKit, { kit: id }));
  check.setAttribute("aria-label", `Check ${name}`);
  check.dataset["key"] = `check ${id}`;
  const more = iconButton("menu", `Menu of ${name}`, () => {
    const { left, bottom } = more.getBoundingClientRect();
    run(COMMANDS.kitMenu, { kit: id, x: left, y: bottom });
  });
  more.setAttribute("aria-haspopup", "menu");
  more.dataset["key"] = `menu of kit ${id}`;
  const item = h(
    "li",
    { class: "flw-lab-item" },
    h(
      "div",
      { class: "flw-lab-row", title: folder },
      glyph(isUsable ? "○" : "✕", isUsable ? "quiet" : "bad"),
      h("span", { class: "flw-lab-name" }, name),
      isUsable ? connect : check,
      h("span", { class: isUsable ? "flw-lab-line" : "flw-lab-line flw-lab-warn" }, isUsable ? who : words),
    ),
    more,
  );
  onContextMenu(item, (x, y) => run(COMMANDS.kitMenu, { kit: id, x, y }));
  return item;
}

/** Open a menu of our own in place of the page's. */
function onContextMenu(item: HTMLElement, open: (x: number, y: number) => void): void {
  item.addEventListener("contextmenu", (event) => {
    event.preventDefault();
    event.stopPropagation();
    open(event.clientX, event.clientY);
  });
}

function createJob(job: JobFacts, run: Run): HTMLElement {
  const { id, name, glyph: mark, words, fraction, since, hint } = job;
  const time = since === null ? "" : h("span", { class: "flw-lab-words", "data-since": String(since) });
  const line = h("span", { class: "flw-lab-line flw-lab-progress" }, h("span", {}, words));
  if (fraction !== null) {
    const done = h("span");
    done.style.width = `${Math.round(fraction * 100)}%`;
    line.append(h("span", { class: "flw-lab-bar", "aria-hidden": "true" }, done));
  }
  const row = h(
    "button",
    { class: "flw-lab-row", type: "button", title: hint || name, "data-key": `job ${id}` },
    glyph(mark || STATUS_GLYPHS.unknown, TONES[toStatusCategory(job.status)]),
    h("span", { class: "flw-lab-name" }, name || id),
    time,
    line,
  );
  row.addEventListener("click", () => run(COMMANDS.open, { kind: "job", job: id, name }));
  return h("li", { class: "flw-lab-item" }, row);
}

interface Section {
  readonly element: HTMLElement;
  setCount(words: string): void;
  /** Replace the items; the focus stays on the item of the same key. */
  fill(items: readonly HTMLElement[]): void;
  show(visible: boolean): void;
}

function createSection(title: string, ...tools: HTMLElement[]): Section {
  const count = h("span", { class: "flw-lab-count" });
  const list = h("ul", { class: "flw-lab-list", role: "list", "aria-label": title.toLowerCase() });
  const element = h(
    "section",
    { class: "flw-lab-section" },
    h("div", { class: "flw-lab-title" }, h("h3", {}, title), count, ...tools),
    list,
  );
  setVisible(element, false);
  return {
    element,
    setCount: (words) => setText(count, words),
    fill(items) {
      const active = document.activeElement;
      const key = active instanceof HTMLElement && list.contains(active) ? active.dataset["key"] : undefined;
      list.replaceChildren(...items);
      if (key === undefined) return;
      const same = [...list.querySelectorAll<HTMLElement>("[data-key]")].find((item) => item.dataset["key"] === key);
      same?.focus({ preventScroll: true });
    },
    show: (visible) => setVisible(element, visible),
  };
}

function button(label: string, className: string, onClick: () => void): HTMLButtonElement {
  const element = h("button", { class: className, type: "button" }, label);
  // Disabled buttons stay in the tab order, so that everybody can read why.
  element.addEventListener("click", () => {
    if (element.getAttribute("aria-disabled") !== "true") onClick();
  });
  return element;
}

function iconButton(icon: IconName, label: string, onClick: () => void): HTMLButtonElement {
  const element = button("", "flw-lab-tool", onClick);
  element.setAttribute("aria-label", label);
  element.title = label;
  element.append(createIcon(icon));
  return element;
}

/** Disable a button with a reason, or enable it if there is none. */
function disable(element: HTMLElement, why: string): void {
  element.dataset["title"] ??= element.title;
  element.setAttribute("aria-disabled", String(why !== ""));
  element.title = why || element.dataset["title"];
}
