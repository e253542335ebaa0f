/** The table of jobs: parts put together, and kept up to date. Knows nothing of anywidget or of kernels. */
import { type Action, type Wish, actionBar } from "../core/actions";
import { announcer } from "../core/announcer";
import { copyText } from "../core/copy";
import { h, setText, show } from "../core/dom";
import { ago } from "../core/text";
import { virtualList } from "../core/virtual-list";
import { type Choice, choices } from "./available-actions";
import { readFilter } from "./filter";
import type { ListedJob } from "./listed-job";
import { type Column, NEWEST_FIRST, nextOrder, sorted } from "./order";
import { ROW_HEIGHT, jobRow } from "./row";
import { Selection } from "./selection";

export interface JobsFacts {
  /** Undefined until the kernel has told of any. */
  readonly jobs: readonly ListedJob[] | undefined;
  readonly study: string;
  readonly factsAt: number | null;
  readonly trouble: string;
  readonly ended: boolean;
  readonly actions: readonly Action[];
}

interface JobsViewOptions {
  /** The kernel's clock, in seconds. */
  readonly kernelNow: () => number;
  /** The browser's clock, in seconds. */
  readonly browserNow: () => number;
  /** Send the kernel a wish, and the ids of the jobs that it is about. */
  readonly tell: (wish: Wish, jobs: readonly string[]) => void;
}

export interface JobsTableView {
  readonly element: HTMLElement;
  draw(next: JobsFacts): void;
  dispose(): void;
}

const COLUMNS: readonly (readonly [Column, string])[] = [
  ["name", "name"],
  ["status", "status"],
  ["time", "round or time"],
  ["submitted", "submitted"],
  ["submitter", "by"],
  ["study", "study"],
  ["id", "id"],
];

/** Words of the filter that the menu offers. */
const STATES = ["all", "running", "waiting", "completed", "failed", "stopped"] as const;

const TICK = 1000;
const HEADER_HEIGHT = 30;
const MOST_ROWS_HIGH = 12;
/** Facts older than this many seconds are called stale: many times the pace at which jobs are listed. */
const STALE_AFTER = 20;
const EMPTY = "No jobs yet. %flare submit FOLDER, or the lesson 01.";

export function jobsView({ kernelNow, browserNow, tell }: JobsViewOptions): JobsTableView {
  const voice = announcer();
  const selection = new Selection();
  let facts: JobsFacts | undefined;
  let shown: ListedJob[] = [];
  let order = NEWEST_FIRST;
  let offered: Choice[] = [];

  // -- head: what this is, how old, the filter
  const counts = h("span", { class: "flw-counts" });
  const fresh = h("span", { class: "flw-fresh" });
  const study = h("span", { class: "flw-study" });
  const search = h("input", {
    class: "flw-filter",
    "aria-label": "filter the jobs",
    title:
      "running, waiting, ended, completed, failed, aborted; name: by: study: id: status:; after: and before: with " +
      "today, yesterday, monday, 2026-11-23, 14:30, 3d, 2h, 30min. Other words are looked for anywhere. A minus " +
      "turns a condition round.",
  });
  search.type = "search";
  search.placeholder = "filter: running name:hello by:admin after:yesterday";
  search.spellcheck = false;
  const states = h("select", { class: "flw-states", "aria-label": "status" });
  for (const state of STATES) {
    const option = h("option", {}, state === "all" ? "any status" : state);
    option.value = state;
    states.append(option);
  }
  const trouble = h("p", { class: "flw-trouble flw-jobs-trouble" });
  const problems = h("p", { class: "flw-problems", role: "status" });

  // -- the table
  const everything = h("input", { class: "flw-box", "aria-label": "select all jobs shown" });
  everything.type = "checkbox";
  const headings = new Map<Column, HTMLElement>();
  const header = h(
    "div",
    { class: "flw-row flw-header", role: "row", "aria-rowindex": "1" },
    h("div", { class: "flw-cell flw-col-box", role: "columnheader" }, everything),
    ...COLUMNS.map(([column, label]) => {
      const button = h("button", { class: "flw-heading", type: "button" }, label);
      const heading = h("div", { class: `flw-cell flw-col-${column}`, role: "columnheader" }, button);
      button.addEventListener("click", () => {
        order = nextOrder(order, column);
        drawTable();
        voice.say(`sorted by ${label}, ${order.descending ? "descending" : "ascending"}`);
      });
      headings.set(column, heading);
      return heading;
    }),
  );
  const list = virtualList<ListedJob>({
    rowHeight: ROW_HEIGHT,
    role: "grid",
    rowRole: "row",
    label: "jobs",
    keyOf: (job) => job.id,
    header: { element: header, height: HEADER_HEIGHT },
    makeRow: () =>
      jobRow({
        now: seenAt,
        isSelected: (id) => selection.has(id),
        say: voice.say,
        open,
        pick(index, { toggle, extend }) {
          const job = shown[index];
          if (!job) return;
          const from = shown[list.active]?.id;
          if (extend) selection.extend(ids(), job.id, from);
          else if (toggle) selection.toggle(job.id);
          else selection.only(job.id);
          list.activate(index);
          list.element.focus({ preventScroll: true });
          drawSelection();
        },
      }),
    onMove(from, to, event) {
      if (!event) return;
      const job = shown[to];
      if (event.shiftKey && job) selection.extend(ids(), job.id, shown[from]?.id);
      drawSelection();
    },
    onKey,
  });
  list.element.setAttribute("aria-multiselectable", "true");
  const nothing = h("p", { class: "flw-nothing" });
  const bar = actionBar({
    announce: voice.say,
    clock: browserNow,
    tell(wish) {
      const jobs = offered.find(({ name }) => name === wish.action)?.jobs ?? [];
      tell(wish, jobs.map((job) => job.id));
    },
  });
  const marked = h("span", { class: "flw-marked" });
  const tools = h("div", { class: "flw-tools" }, marked, bar.element);

  const element = h(
    "div",
    { class: "flw-jobs flw-live", role: "group", "aria-label": "jobs" },
    h("div", { class: "flw-head" }, h("strong", { class: "flw-name" }, "Jobs"), study, counts, fresh),
    h("div", { class: "flw-search" }, search, states),
    problems,
    trouble,
    tools,
    list.element,
    nothing,
    voice.element,
  );

  /** The time that the rows are for: what has been running since the server last answered, nobody knows. */
  function seenAt(): number {
    return facts?.trouble && facts.factsAt !== null ? facts.factsAt : kernelNow();
  }

  const ids = (): string[] => shown.map((job) => job.id);

  function onKey(event: KeyboardEvent, active: number): boolean {
    const job = shown[active];
    const command = event.ctrlKey || event.metaKey;
    if (event.key === "a" && command) selection.all(ids());
    else if (event.key === "Escape" && selection.size) selection.clear();
    else if (event.key === " " && job) selection.toggle(job.id);
    else if (event.key === "Enter" && job && !command) open(active);
    else if (event.key === "Delete" && job) press("delete");
    else if (event.key === "c" && command && job && !document.getSelection()?.toString()) {
      void copyText(job.id).then((copied) => voice.say(copied ? "id copied" : "the browser does not let this page copy"));
    } else return false;
    drawSelection();
    return true;
  }

  function open(index: number): void {
    const job = shown[index];
    // As by the button, which may be grey, and then says why.
    const why = facts?.actions.find(({ name }) => name === "open")?.reason;
    if (job && why) voice.say(why);
    else if (job) tell({ kind: "act", action: "open" }, [job.id]);
  }

  function press(action: string): void {
    bar.element.querySelector<HTMLElement>(`button[data-action="${action}"]`)?.click();
  }

  /** The jobs that the buttons are for: the selected ones, or else the one of the cursor. */
  function chosen(): readonly ListedJob[] {
    const selected = shown.filter((job) => selection.has(job.id));
    const active = shown[list.active];
    return selected.length === 0 && active ? [active] : selected;
  }

  function drawSelection(): void {
    const selected = shown.reduce((sum, job) => sum + Number(selection.has(job.id)), 0);
    everything.checked = selected > 0 && selected === shown.length;
    everything.indeterminate = selected > 0 && selected < shown.length;
    list.redraw();
    drawTools();
  }

  function drawTools(): void {
    const jobs = chosen();
    const count = shown.reduce((sum, job) => sum + Number(selection.has(job.id)), 0);
    setText(marked, count > 0 ? `${count} selected` : jobs[0] ? `for ${jobs[0].name || "job"}` : "");
    const asking = bar.element.querySelector<HTMLElement>(".flw-action-confirm")?.hidden === false;
    // While a question is open it is about the jobs it names, whatever else comes or is selected.
    const latest = choices(facts?.actions ?? [], jobs);
    offered = asking ? latest.map((choice) => ({ ...choice, ...pinned(choice) })) : latest;
    bar.draw(offered, browserNow());
  }

  function pinned({ name, state, words, progress, turn }: Choice): Partial<Choice> {
    const before = offered.find((choice) => choice.name === name);
    return { ...before, state, words, progress, turn };
  }

  function drawTable(): void {
    const jobs = facts?.jobs ?? [];
    const now = kernelNow();
    const filter = readFilter(search.value, now);
    const state = states.value === "all" ? undefined : readFilter(states.value, now);
    shown = sorted(
      jobs.filter((job) => filter.test(job) && (state?.test(job) ?? true)),
      order,
      now,
    );
    for (const [column, heading] of headings) {
      const here = order.column === column;
      heading.setAttribute("aria-sort", here ? (order.descending ? "descending" : "ascending") : "none");
    }
    setText(problems, filter.problems.join("; "));
    show(problems, filter.problems.length > 0);
    // The height is that of all jobs: a filter must not move what stands below.
    list.element.style.height = `${HEADER_HEIGHT + Math.min(Math.max(jobs.length, 1), MOST_ROWS_HIGH) * ROW_HEIGHT + 2}px`;
    show(list.element, jobs.length > 0);
    show(tools, jobs.length > 0);
    list.setRows(shown);
    const none = jobs.length === 0;
    const asking = facts?.trouble ? "The jobs are not known." : "Asking for the jobs…";
    setText(nothing, facts?.jobs === undefined ? asking : none ? EMPTY : "No job fits the filter.");
    show(nothing, shown.length === 0);
    drawCounts(jobs);
    drawSelection();
  }

  function drawCounts(jobs: readonly ListedJob[]): void {
    const count = (tone: string): number => jobs.reduce((sum, job) => sum + Number(job.tone === tone), 0);
    const words = [
      shown.length === jobs.length ? `${jobs.length} jobs` : `${shown.length} of ${jobs.length} jobs`,
      ...(["running", "waiting", "failed"] as const).map((tone) => `${count(tone)} ${tone}`).filter((w) => !w.startsWith("0 ")),
    ];
    setText(counts, facts?.jobs === undefined ? "" : words.join(", ").replace(/^1 jobs/u, "1 job"));
  }

  function drawAge(): void {
    const at = facts?.factsAt ?? null;
    const age = at === null ? null : Math.max(0, kernelNow() - at);
    const troubled = (facts?.trouble ?? "") !== "";
    const stale = age !== null && (age > STALE_AFTER || troubled) && !facts?.ended;
    const what = stale ? "as of" : "updated";
    setText(fresh, age === null ? "" : age < 2 && !stale ? "updated just now" : `${what} ${ago(age)}`);
    fresh.classList.toggle("flw-stale", stale);
    const since = troubled && age !== null ? `. What is shown is as of ${ago(age)}` : "";
    setText(trouble, troubled ? `${facts?.trouble}${since}` : "");
    show(trouble, troubled);
    element.classList.toggle("flw-in-trouble", troubled);
  }

  function tick(): void {
    drawAge();
    list.redraw();
    if (bar.waiting()) drawTools();
  }

  everything.addEventListener("click", () => {
    if (everything.checked) selection.all(ids());
    else selection.clear();
    drawSelection();
  });
  search.addEventListener("input", drawTable);
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && shown.length) {
      event.preventDefault();
      list.element.focus();
      list.activate(0);
      drawSelection();
    }
    event.stopPropagation();
  });
  states.addEventListener("change", drawTable);

  const ticker = setInterval(tick, TICK);
  drawTable();

  return {
    element,
    draw(next) {
      const before = facts;
      facts = next;
      setText(study, next.study ? `study ${next.study}` : "");
      if (before?.jobs !== next.jobs || before?.jobs === undefined) drawTable();
      else drawTools();
      drawAge();
      if (before && next.trouble && !before.trouble) voice.say(next.trouble);
      else if (before?.trouble && !next.trouble) voice.say("connected again");
    },
    dispose() {
      clearInterval(ticker);
      list.dispose();
      element.remove();
    },
  };
}
