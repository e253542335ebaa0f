/** The table of jobs, composed of its parts. Independent of anywidget and of kernels. */
import { type Action, type ActionMessage, createActionBar } from "../core/actions";
import { createAnnouncer } from "../core/announcer";
import { createBanner } from "../core/banner";
import { copyText } from "../core/copy";
import { h, setText, setVisible } from "../core/dom";
import type { Place, Target } from "../core/place";
import { withoutPeriod } from "../core/text";
import { formatDuration } from "../core/time";
import { asText } from "../core/validate";
import { createVirtualList } from "../core/virtual-list";
import { type AvailableAction, availableActions } from "./available-actions";
import { readFilter } from "./filter";
import type { ListedJob } from "./listed-job";
import { type Column, nextSortOrder, readSortOrder, sortJobs } from "./order";
import { createJobRow, ROW_HEIGHT_PX } from "./row";
import { Selection } from "./selection";

export interface JobsViewState {
  /** Undefined until the kernel has sent the table. */
  readonly jobs: readonly ListedJob[] | undefined;
  /** Number of jobs that the kernel has still to send. */
  readonly missing: number;
  readonly study: string;
  readonly updatedAt: number | null;
  readonly connectionProblem: string;
  /** The same in two words. */
  readonly connectionLabel: string;
  /** The server is not asked now: only the age of the list counts on. */
  readonly isPaused: boolean;
  readonly hasEnded: boolean;
  readonly actions: readonly Action[];
}

interface JobsViewOptions {
  /** The kernel's clock, in seconds. */
  readonly kernelNow: () => number;
  /** The browser's clock, in seconds. */
  readonly browserNow: () => number;
  /** Send the kernel a message with the ids of the jobs that it applies to. */
  readonly send: (message: ActionMessage, jobs: readonly string[]) => void;
  readonly place: Place;
}

export interface JobsTableView {
  readonly element: HTMLElement;
  draw(next: JobsViewState): void;
  dispose(): void;
}

const COLUMNS: readonly (readonly [Column, string])[] = [
  ["name", "name"],
  ["status", "status"],
  ["time", "progress"],
  ["submitted", "submitted"],
  ["arguments", "arguments"],
  ["submitter", "submitted by"],
  ["study", "study"],
  ["id", "id"],
];

/** Filter words offered by the menu. */
const STATUS_CHOICES = ["all", "running", "waiting", "completed", "failed", "stopped", "lost"] as const;

const TICK_MS = 1000;
const HEADER_HEIGHT_PX = 30;
const MAX_VISIBLE_ROWS = 12;
/** Age beyond which the list is called stale: many times its polling interval. */
const STALE_AFTER_S = 20;
const HINT = "Click a name to open the job. Select jobs to compare, abort, clone, download or delete them.";
const NO_JOBS = "No jobs yet.";
const HOW_TO_SUBMIT = "Submit one with %flare submit FOLDER, or follow lesson 01.";

export function createJobsView({ kernelNow, browserNow, send, place }: JobsViewOptions): JobsTableView {
  const announcer = createAnnouncer();
  const selection = new Selection();
  let state: JobsViewState | undefined;
  let shown: ListedJob[] = [];
  let order = readSortOrder(place.recall?.("order"));
  let available: AvailableAction[] = [];

  // -- header and filter
  const counts = h("span", { class: "flw-counts" });
  const freshness = h("span", { class: "flw-fresh" });
  const study = h("span", { class: "flw-study" });
  const search = h("input", {
    class: "flw-filter",
    "aria-label": "filter the jobs",
    title:
      "running, waiting, ended, completed, failed, aborted; name: by: study: id: status:; after: and before: with " +
      "today, yesterday, monday, 2026-11-23, 14:30, 3d, 2h, 30min. Other words are searched for in all columns. " +
      "Prefix with - to exclude.",
  });
  search.type = "search";
  search.placeholder = "filter: running name:hello";
  search.spellcheck = false;
  search.value = asText(place.recall?.("filter"));
  const statusChoice = h("select", { class: "flw-states", "aria-label": "status" });
  for (const status of STATUS_CHOICES) {
    const option = h("option", {}, status === "all" ? "any status" : status);
    option.value = status;
    statusChoice.append(option);
  }
  statusChoice.value = STATUS_CHOICES.find((status) => status === place.recall?.("status")) ?? "all";
  const banner = createBanner(announcer.announce, () => "connected again");
  const pillText = h("span", { class: "flw-word" });
  const pill = h(
    "strong",
    { class: "flw-pill flw-pill-trouble" },
    h("span", { class: "flw-glyph", "aria-hidden": "true" }, "!"),
    pillText,
  );
  const problems = h("p", { class: "flw-problems", role: "status" });

  // -- the table
  const selectAllBox = h("input", { class: "flw-box", "aria-label": "select all jobs shown" });
  selectAllBox.type = "checkbox";
  const headings = new Map<Column, HTMLElement>();
  const header = h(
    "div",
    { class: "flw-row flw-header", role: "row", "aria-rowindex": "1" },
    h("div", { class: "flw-cell flw-col-box", role: "columnheader" }, selectAllBox),
    ...COLUMNS.map(([column, label]) => {
      const button = h("button", { class: "flw-heading", type: "button" }, label);
      const heading = h("div", { class: `flw-cell flw-col-${column}`, role: "columnheader" }, button);
      button.addEventListener("click", () => {
        order = nextSortOrder(order, column);
        place.remember?.("order", order);
        drawTable();
        const ofWhich = isLoading() ? "; more jobs are still loading" : "";
        announcer.announce(`sorted by ${label}, ${order.descending ? "descending" : "ascending"}${ofWhich}`);
      });
      headings.set(column, heading);
      return heading;
    }),
  );
  const list = createVirtualList<ListedJob>({
    rowHeight: ROW_HEIGHT_PX,
    role: "grid",
    rowRole: "row",
    label: "jobs",
    keyOf: (job) => job.id,
    header: { element: header, height: HEADER_HEIGHT_PX },
    makeRow: () =>
      createJobRow({
        now: confirmedNow,
        isSelected: (id) => selection.has(id),
        announce: announcer.announce,
        open,
        select(index, { toggle, extend }) {
          const job = shown[index];
          if (!job) return;
          const from = shown[list.active]?.id;
          if (extend) selection.extend(ids(), job.id, from);
          else if (toggle) selection.toggle(job.id);
          else selection.selectOnly(job.id);
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
  const emptyText = h("p", { class: "flw-nothing" });
  const submit = h("button", { class: "flw-button", type: "button" }, "Submit a job folder…");
  submit.addEventListener("click", () => place.open?.({ kind: "submit", args: {} }));
  const actionBar = createActionBar({
    announce: announcer.announce,
    now: browserNow,
    doHere: (action) =>
      openTab(
        action,
        (available.find(({ name }) => name === action)?.jobs ?? []).map(({ id }) => id),
      ),
    send(message) {
      const jobs = available.find(({ name }) => name === message.action)?.jobs ?? [];
      send(
        message,
        jobs.map((job) => job.id),
      );
    },
  });
  const selectionText = h("span", { class: "flw-marked" });
  const tools = h("div", { class: "flw-tools" }, selectionText, actionBar.element);

  const element = h(
    "div",
    { class: "flw-jobs flw-live", role: "group", "aria-label": "jobs" },
    banner.element,
    h("div", { class: "flw-head" }, pill, h("strong", { class: "flw-name" }, "Jobs"), study, counts, freshness),
    h("div", { class: "flw-search" }, search, statusChoice),
    problems,
    tools,
    list.element,
    emptyText,
    submit,
    announcer.element,
  );

  /** Return the time that the rows show: of the last list while the connection is lost, or nobody asks for another. */
  function confirmedNow(): number {
    const isLive = !state?.connectionProblem && !state?.isPaused;
    return isLive || state?.updatedAt == null ? kernelNow() : state.updatedAt;
  }

  /** Open what an action shows in a tab of its own; return false for other actions, and where there are no tabs. */
  function openTab(action: string, jobs: readonly string[]): boolean {
    const [job] = jobs;
    const targets: Readonly<Record<string, Target>> = {
      open: { kind: "job", args: { job } },
      compare: { kind: "compare", args: { jobs } },
      results: { kind: "results", args: { job } },
    };
    const target = targets[action];
    if (!place.open || !target) return false;
    place.open(target);
    return true;
  }

  const ids = (): string[] => shown.map((job) => job.id);

  function onKey(event: KeyboardEvent, active: number): boolean {
    const job = shown[active];
    const command = event.ctrlKey || event.metaKey;
    if (event.key === "a" && command) selection.selectAll(ids());
    else if (event.key === "Escape" && selection.size) selection.clear();
    else if (event.key === " " && job) selection.toggle(job.id);
    else if (event.key === "Enter" && job && !command) open(active);
    else if (event.key === "Delete" && job) pressAction("delete");
    else if (event.key === "c" && command && job && !document.getSelection()?.toString()) {
      void copyText(job.id).then((copied) =>
        announcer.announce(copied ? "id copied" : "the browser does not let this page copy"),
      );
    } else return false;
    drawSelection();
    return true;
  }

  function open(index: number): void {
    const job = shown[index];
    // Like the button, which may be disabled and then explains why.
    const disabledReason = state?.actions.find(({ name }) => name === "open")?.disabledReason;
    if (job && disabledReason) announcer.announce(disabledReason);
    else if (job && !openTab("open", [job.id])) send({ kind: "start", action: "open" }, [job.id]);
  }

  function pressAction(action: string): void {
    actionBar.element.querySelector<HTMLElement>(`button[data-action="${action}"]`)?.click();
  }

  /** Return the jobs that the buttons apply to: the selected ones, or else that of the cursor. */
  function targetJobs(): readonly ListedJob[] {
    const selected = shown.filter((job) => selection.has(job.id));
    const active = shown[list.active];
    return selected.length === 0 && active ? [active] : selected;
  }

  function drawSelection(): void {
    const selected = shown.reduce((sum, job) => sum + Number(selection.has(job.id)), 0);
    selectAllBox.checked = selected > 0 && selected === shown.length;
    selectAllBox.indeterminate = selected > 0 && selected < shown.length;
    list.redraw();
    drawActions();
  }

  function drawActions(): void {
    const jobs = targetJobs();
    const count = shown.reduce((sum, job) => sum + Number(selection.has(job.id)), 0);
    const isIdle = jobs.length === 0;
    setText(selectionText, count > 0 ? `${count} selected` : (jobs[0] && `for ${jobs[0].name || "job"}`) || HINT);
    tools.classList.toggle("flw-idle", isIdle);
    const isConfirming = actionBar.element.querySelector<HTMLElement>(".flw-action-confirm")?.hidden === false;
    // An open confirmation keeps applying to the jobs that it names, whatever is selected meanwhile.
    const latest = availableActions(state?.actions ?? [], jobs);
    available = isConfirming ? latest.map((choice) => ({ ...choice, ...pinTarget(choice) })) : latest;
    actionBar.draw(available, browserNow());
  }

  function pinTarget(latest: AvailableAction): Partial<AvailableAction> {
    const { name, message, progress, revision } = latest;
    const before = available.find((choice) => choice.name === name);
    return { ...before, state: latest.state, message, progress, revision };
  }

  const noJobs = place.open ? NO_JOBS : `${NO_JOBS} ${HOW_TO_SUBMIT}`;

  const isLoading = (): boolean => (state?.missing ?? 0) > 0;

  function drawTable(): void {
    const jobs = state?.jobs ?? [];
    const now = kernelNow();
    const filter = readFilter(search.value, now);
    const statusFilter = statusChoice.value === "all" ? undefined : readFilter(statusChoice.value, now);
    shown = sortJobs(
      jobs.filter((job) => filter.test(job) && (statusFilter?.test(job) ?? true)),
      order,
      now,
    );
    for (const [column, heading] of headings) {
      const here = order.column === column;
      heading.setAttribute("aria-sort", here ? (order.descending ? "descending" : "ascending") : "none");
    }
    setText(problems, filter.problems.join("; "));
    setVisible(problems, filter.problems.length > 0);
    // The height fits all jobs, so that filtering does not move the content below.
    if (!place.fills)
      list.element.style.height = `${HEADER_HEIGHT_PX + Math.min(Math.max(jobs.length, 1), MAX_VISIBLE_ROWS) * ROW_HEIGHT_PX + 2}px`;
    setVisible(list.element, jobs.length > 0);
    list.element.classList.toggle(
      "flw-has-arguments",
      jobs.some((job) => job.arguments !== ""),
    );
    setVisible(tools, jobs.length > 0);
    list.setRows(shown);
    list.element.setAttribute("aria-busy", String(isLoading()));
    const isEmpty = jobs.length === 0;
    const unknownText = state?.connectionProblem ? "Job list unavailable." : "Loading jobs…";
    const noMatch = isLoading() ? "No jobs match the filter so far." : "No jobs match the filter.";
    setText(emptyText, state?.jobs === undefined ? unknownText : isEmpty ? noJobs : noMatch);
    setVisible(emptyText, shown.length === 0);
    setVisible(submit, place.open !== undefined && isEmpty && state?.jobs !== undefined);
    drawCounts(jobs);
    drawSelection();
  }

  function drawCounts(jobs: readonly ListedJob[]): void {
    if (isLoading()) {
      // No other count is final yet.
      const total = jobs.length + (state?.missing ?? 0);
      const matches = shown.length === jobs.length ? "" : `, ${formatCount(shown.length)} match so far`;
      setText(counts, `loading: ${formatCount(jobs.length)} of ${formatCount(total)} jobs${matches}`);
      return;
    }
    const countOf = (tone: string): number => jobs.reduce((sum, job) => sum + Number(job.category === tone), 0);
    const parts = [
      shown.length === jobs.length ? `${jobs.length} jobs` : `${shown.length} of ${jobs.length} jobs`,
      ...(["running", "waiting", "lost", "failed"] as const)
        .map((tone) => `${countOf(tone)} ${tone}`)
        .filter((w) => !w.startsWith("0 ")),
    ];
    setText(counts, state?.jobs === undefined ? "" : parts.join(", ").replace(/^1 jobs/u, "1 job"));
  }

  function drawAge(): void {
    const at = state?.updatedAt ?? null;
    const age = at === null ? null : Math.max(0, kernelNow() - at);
    const hasProblem = (state?.connectionProblem ?? "") !== "";
    const isPaused = state?.isPaused === true && !hasProblem;
    const stale = age !== null && (age > STALE_AFTER_S || hasProblem) && !isPaused && !state?.hasEnded;
    const prefix = stale ? "as of" : isPaused ? "paused while out of sight, updated" : "updated";
    setText(
      freshness,
      age === null ? "" : age < 2 && !stale ? "updated just now" : `${prefix} ${formatDuration(age)} ago`,
    );
    freshness.classList.toggle("flw-stale", stale);
    const problem = state?.connectionProblem ?? "";
    const shownAsOf = age === null ? "" : `${formatDuration(age)} ago`;
    banner.draw([problem && shownAsOf ? `${withoutPeriod(problem)}. Showing the list from ${shownAsOf}` : problem]);
    setText(pillText, state?.connectionLabel || "no answer");
    setVisible(pill, hasProblem);
    element.classList.toggle("flw-trouble", hasProblem);
  }

  function tick(): void {
    drawAge();
    list.redraw();
    if (actionBar.isWaiting()) drawActions();
  }

  selectAllBox.addEventListener("click", () => {
    if (selectAllBox.checked) selection.selectAll(ids());
    else selection.clear();
    drawSelection();
  });
  search.addEventListener("input", () => {
    place.remember?.("filter", search.value);
    drawTable();
  });
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && shown.length) {
      event.preventDefault();
      list.element.focus();
      list.activate(0);
      drawSelection();
    }
    event.stopPropagation();
  });
  statusChoice.addEventListener("change", () => {
    place.remember?.("status", statusChoice.value);
    drawTable();
  });

  const ticker = setInterval(tick, TICK_MS);
  drawTable();

  return {
    element,
    draw(next) {
      const before = state;
      state = next;
      setText(study, next.study ? `study ${next.study}` : "");
      if (before?.jobs !== next.jobs || before?.jobs === undefined) drawTable();
      else drawActions();
      drawAge();
    },
    dispose() {
      clearInterval(ticker);
      list.dispose();
      element.remove();
    },
  };
}

function formatCount(count: number): string {
  return count.toLocaleString("en");
}
