/** The log panel of a job: whose log, which lines of it, search, and the lines in columns. Collapsed at first. */
import { copyText } from "../../core/copy";
import { h, setText, setVisible, whenChanged } from "../../core/dom";
import { readPreference, writePreference } from "../../core/preferences";
import { sanitize } from "../../core/text";
import { createVirtualList } from "../../core/virtual-list";
import { trackVisibility } from "../../core/visibility";
import { stripCodes } from "./ansi";
import { type FoldRow, formatLine, KINDS, type Kind, lineOf, lowerBound, type Mark, type Row } from "./buffer";
import { countLines, createLogRow, SIGNS } from "./row";
import { type LogRequest, LogSource } from "./source";

export interface LogPanelState {
  /** The sites and the server, in the order in which they are offered; the first is selected at first. */
  readonly targets: readonly string[];
  readonly jobId: string;
  readonly ended: boolean;
}

export interface LogPanel {
  readonly element: HTMLElement;
  draw(facts: LogPanelState): void;
  /** Open the log of a target, at the first line that is `line`, as in the failure card; else at its last error. */
  reveal(target: string, line: string): void;
  /** Handle a message from the kernel. */
  handleMessage(message: unknown): void;
  dispose(): void;
}

export interface LogPanelOptions {
  readonly send: (request: LogRequest) => void;
  readonly announce: (message: string) => void;
}

/** Height of a line; the same as in log.css. */
const ROW_HEIGHT_PX = 18;
/** Pause in typing after which the search starts. */
const SEARCH_DELAY_MS = 150;
const KIND_NAMES: Readonly<Record<Kind, [one: string, many: string]>> = {
  error: ["error", "errors"],
  warning: ["warning", "warnings"],
  info: ["info", "info"],
  debug: ["debug", "debug"],
  transport: ["about connections", "about connections"],
};
/** Beginning of the label of a mark whose round is not known. */
const TASK = "task ";
/** The participant whose log has no output of the user's code. */
const SERVER = "server";
/** Choices that are kept for later views. */
const OWN_ONLY = "log-own-only";
const WRAP = "log-wrap";
let panelCount = 0;

export function createLogPanel({ send, announce }: LogPanelOptions): LogPanel {
  const id = `flw-log-${++panelCount}`;
  const source = new LogSource({ send, onChange: () => redraw() });
  const { buffer } = source;

  const arrow = h("span", { class: "flw-log-arrow", "aria-hidden": "true" }, "▸");
  const toggle = h(
    "button",
    { class: "flw-log-fold", type: "button", "aria-expanded": "false", "aria-controls": id },
    arrow,
    "Log",
  );
  const targetChoice = h("select", { class: "flw-log-who", "aria-label": "whose log" });
  const kinds = KINDS.map(createKindButton);
  const own = h("button", {
    class: "flw-button flw-log-own-only",
    type: "button",
    title: "only what the code of the job printed or logged itself, without FLARE's own lines",
  });
  const jump = h("select", { class: "flw-log-jump", "aria-label": "jump to" });
  const wrap = h(
    "button",
    { class: "flw-button", type: "button", title: "break long lines, in place of scrolling sideways" },
    "Wrap",
  );
  const field = h("input", { class: "flw-log-search", "aria-label": "search in the log" });
  field.type = "search";
  field.placeholder = "Search";
  field.spellcheck = false;
  const count = h("span", { class: "flw-log-count" });
  const previous = h(
    "button",
    { class: "flw-button", type: "button", "aria-label": "previous match", title: "previous match (Shift+Enter)" },
    "↑",
  );
  const next = h(
    "button",
    { class: "flw-button", type: "button", "aria-label": "next match", title: "next match (Enter)" },
    "↓",
  );
  const copy = h(
    "button",
    { class: "flw-button", type: "button", title: "copy what is selected, or else all lines that are shown" },
    "Copy",
  );
  const follow = h(
    "button",
    { class: "flw-button", type: "button", "aria-pressed": "true", title: "keep the newest line in sight" },
    "Follow",
  );
  const earlier = h("div", { class: "flw-log-earlier" });
  const status = h("div", { class: "flw-log-words" });

  let current = -1; // the line of the current match
  let anchor = -1; // the line where the selection began
  let following = true;
  /** The reader has chosen whose log to show. */
  let isChosen = false;
  /** The line to go to, once it has arrived. */
  let wanted: string | null = null;
  let jobId = "";
  let ended = false;
  let searchTimer: ReturnType<typeof setTimeout> | undefined;

  const list = createVirtualList<Row>({
    rowHeight: ROW_HEIGHT_PX,
    makeRow: () =>
      createLogRow({
        factsOf: (line) => ({
          ...buffer.line(line),
          level: buffer.level(line),
          isOwn: buffer.isOwn(line),
          query: buffer.query,
          isCurrent: line === current,
          isSelected: isSelected(line),
        }),
        owner: () => source.target,
        onUnfold: unfold,
      }),
    keyOf: (row) => (typeof row === "number" ? String(row) : `${row.kind} ${row.line}`),
    role: "listbox",
    rowRole: "option",
    label: "log lines",
    followEnd: true,
    onFollowEndChange: (atEnd) => setFollowing(atEnd),
    onMove: (from, _to, event) => {
      const before = buffer.rows[from];
      anchor = event?.shiftKey ? (anchor >= 0 ? anchor : before === undefined ? -1 : lineOf(before)) : -1;
      list.redraw();
    },
    onKey: (event, active) => {
      const row = buffer.rows[active];
      if (event.key === "Enter" && typeof row === "object" && row.kind === "fold") unfold(row);
      else if ((event.ctrlKey || event.metaKey) && event.key === "c" && anchor >= 0) void copyLines();
      else if (event.key === "/" || event.key === "F3") field.focus();
      else return false;
      return true;
    },
  });
  const kindGroup = h("span", { role: "group", "aria-label": "levels" }, ...kinds.map((kind) => kind.element));
  const searchGroup = h("span", {}, field, previous, next, count);
  const endGroup = h("span", { class: "flw-log-do" }, jump, wrap, follow, copy);
  list.element.setAttribute("aria-multiselectable", "true");
  const tools = h(
    "div",
    { class: "flw-log-tools", role: "toolbar", "aria-label": "log" },
    h("span", {}, targetChoice, own),
    kindGroup,
    searchGroup,
  );
  // JupyterLab leaves key presses below this attribute to the widget.
  const body = h(
    "div",
    { class: "flw-log-body", "data-lm-suppress-shortcuts": "true" },
    tools,
    earlier,
    list.element,
    status,
  );
  const element = h(
    "section",
    { class: "flw-log", "aria-label": "log" },
    h("div", { class: "flw-log-head" }, toggle, endGroup),
    body,
  );
  body.id = id;
  setVisible(body, false);
  setVisible(endGroup, false);

  // -- visibility ------------------------------------------------------------------------------------------

  let isInSight = false;
  const stopTracking = trackVisibility(body, (on) => {
    isInSight = on;
    updateVisibility();
  });

  function updateVisibility(): void {
    source.setVisible(!body.hidden && isInSight);
  }

  toggle.addEventListener("click", () => setOpen(body.hidden !== false));

  function setOpen(open: boolean): void {
    setVisible(body, open);
    toggle.setAttribute("aria-expanded", String(!body.hidden));
    setText(arrow, body.hidden ? "▸" : "▾");
    updateVisibility();
    redraw();
  }

  // -- target, kinds of lines, search ------------------------------------------------------------------------------

  const drawTargets = whenChanged((targets: readonly string[]) => {
    const sites = targets.filter((name) => name !== SERVER);
    targetChoice.replaceChildren(
      ...(sites.length ? [createGroup("sites: the output of your code", sites)] : []),
      ...(targets.length > sites.length ? [createGroup("server: rounds, aggregation", [SERVER])] : []),
    );
    const isKept = targets.includes(source.target) && (isChosen || !body.hidden);
    const target = isKept ? source.target : (targets[0] ?? "");
    targetChoice.value = target;
    source.selectTarget(target);
  });

  function createGroup(label: string, targets: readonly string[]): HTMLElement {
    const group = h("optgroup", {});
    group.label = label;
    for (const target of targets) {
      const option = h("option", {}, sanitize(target, 60));
      option.value = target;
      group.append(option);
    }
    return group;
  }

  targetChoice.addEventListener("change", () => {
    wanted = null;
    selectTarget(targetChoice.value);
  });

  function selectTarget(target: string): void {
    isChosen = true;
    current = anchor = -1;
    targetChoice.value = target;
    source.selectTarget(target);
    list.toEnd();
    setFollowing(true);
  }

  /** Show the server's log if the reader may not read the site's, and has not chosen it. */
  function fallBack(): void {
    const options = [...targetChoice.querySelectorAll("option")].map((option) => option.value);
    if (isChosen || source.latest?.state !== "none" || source.target === SERVER || !options.includes(SERVER)) return;
    selectTarget(SERVER);
    isChosen = false;
  }

  function createKindButton(kind: Kind) {
    const text = h("span", {});
    const button = h(
      "button",
      { class: "flw-button flw-log-level", type: "button", "aria-pressed": "true", "data-level": kind },
      text,
    );
    if (kind === "transport")
      button.title = "FLARE's connections and messages, and warnings that tell nothing: folded until you press this";
    button.addEventListener("click", () => {
      buffer.setKindVisible(kind, !buffer.isKindVisible(kind));
      redraw();
    });
    return {
      element: button,
      draw(): void {
        const number = buffer.counts[kind];
        const [one, many] = KIND_NAMES[kind];
        const sign = kind !== "transport" && SIGNS[kind] ? `${SIGNS[kind]} ` : "";
        setText(text, `${sign}${number.toLocaleString()} ${number === 1 ? one : many}`);
        button.setAttribute("aria-pressed", String(buffer.isKindVisible(kind)));
        setVisible(button, number > 0 && !(kind === "transport" && buffer.isOwnOnly));
      },
    };
  }

  own.addEventListener("click", () => {
    buffer.setOwnOnly(!buffer.isOwnOnly);
    writePreference(OWN_ONLY, buffer.isOwnOnly);
    redraw();
  });
  wrap.addEventListener("click", () => {
    setWrapped(!element.classList.contains("flw-log-wrapped"));
    writePreference(WRAP, element.classList.contains("flw-log-wrapped"));
  });

  function setWrapped(on: boolean): void {
    element.classList.toggle("flw-log-wrapped", on);
    wrap.setAttribute("aria-pressed", String(on));
    list.setMeasured(on);
    if (following) list.toEnd();
  }

  function unfold(row: FoldRow): void {
    const top = list.active;
    setFollowing(false);
    buffer.unfold(row);
    redraw();
    list.activate(buffer.rowIndex(row.line));
    if (top < 0) list.redraw();
  }

  // -- jumps -----------------------------------------------------------------------------------------------

  const drawMarks = whenChanged((labels: readonly string[]) => {
    const options = labels.map((label, index) => {
      const option = h("option", {}, label);
      option.value = String(index);
      return option;
    });
    const prompt = h("option", {}, "Jump to…");
    prompt.value = "";
    jump.replaceChildren(prompt, ...options);
    jump.value = "";
  });

  jump.addEventListener("change", () => {
    const mark = jump.value === "" ? undefined : places()[Number(jump.value)];
    jump.value = "";
    if (mark) goToLine(mark.line, "start");
  });

  /** Return the marks, of several of one round the first. */
  function places(): Mark[] {
    return buffer.marks.filter(({ label }, index, all) => label.startsWith(TASK) || label !== all[index - 1]?.label);
  }

  function describeMark({ label, line }: Mark): string {
    return label.startsWith(TASK) ? `${label}, ${sanitize(buffer.line(line).time.slice(11, 19), 8)}` : label;
  }

  function goToLine(line: number, align: "auto" | "start" | "center"): void {
    setFollowing(false);
    anchor = -1;
    list.activate(buffer.rowIndex(line), undefined, align);
    list.redraw();
    announce(`line ${line}: ${sanitize(stripCodes(buffer.line(line).text), 200)}`);
  }

  /** Go to the line that the failure card shows, if it has arrived; to the last error if it is not in this log. */
  function goToWanted(): void {
    if (wanted === null || !buffer.length) return;
    const found = findLine(wanted);
    if (found < 0 && source.latest?.more !== false) return;
    wanted = null;
    current = found >= 0 ? found : findLastError();
    if (current < 0) return;
    if (buffer.isOwnOnly && !buffer.isOwn(current)) buffer.setOwnOnly(false);
    redraw();
    goToLine(current, "center");
  }

  function findLine(text: string): number {
    for (let line = buffer.first; line < buffer.next; line++) if (isShownAs(line, text)) return line;
    return -1;
  }

  function findLastError(): number {
    for (let line = buffer.next - 1; line >= buffer.first; line--)
      if (buffer.level(line) === "error" && buffer.line(line).time) return line;
    return -1;
  }

  /** Tell if a line is `text` in the form of the failure card, which has no date and no context. */
  function isShownAs(line: number, text: string): boolean {
    const { time, levelName, text: message } = buffer.line(line);
    const shown = sanitize(stripCodes(message), 500).trimEnd();
    // The card cuts long lines.
    const begin = text.trimEnd().replace(/…$/, "");
    if (!time) return begin !== "" && shown.startsWith(begin);
    const head = ` - ${levelName} - `;
    const at = begin.indexOf(head);
    return at > 0 && begin.startsWith(time.slice(11)) && shown.startsWith(begin.slice(at + head.length));
  }

  field.addEventListener("input", () => {
    clearTimeout(searchTimer);
    searchTimer = setTimeout(search, SEARCH_DELAY_MS);
  });
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") {
      search();
      goToMatch(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && field.value) {
      field.value = "";
      search();
    } else return;
    event.preventDefault();
  });
  next.addEventListener("click", () => goToMatch(1));
  previous.addEventListener("click", () => goToMatch(-1));

  function search(): void {
    clearTimeout(searchTimer);
    if (field.value.toLowerCase() === buffer.query) return;
    current = -1;
    buffer.search(field.value);
    list.redraw();
    drawCount();
  }

  /** Go to the next match after the current one, or after the first visible line. */
  function goToMatch(by: 1 | -1): void {
    const { matches, rows } = buffer;
    if (!matches.length) return;
    const first = rows[list.firstVisible];
    const seen = first === undefined ? 0 : lineOf(first);
    const at =
      current >= 0
        ? lowerBound(matches, current) + (matches.includes(current) || by < 0 ? by : 0)
        : lowerBound(matches, seen);
    current = matches[(at + matches.length) % matches.length] ?? -1;
    const row = buffer.rows[buffer.rowIndex(current)];
    if (typeof row === "object" && row.kind === "fold") {
      buffer.unfold(row);
      list.setRows(buffer.rows);
    }
    goToLine(current, "auto");
    drawCount();
  }

  follow.addEventListener("click", () => {
    list.toEnd();
    setFollowing(true);
  });

  function setFollowing(atEnd: boolean): void {
    following = atEnd;
    follow.setAttribute("aria-pressed", String(atEnd));
    setText(follow, atEnd ? "Following" : "Follow");
  }

  // -- copy ------------------------------------------------------------------------------------------------

  function isSelected(line: number): boolean {
    if (anchor < 0) return false;
    const row = buffer.rows[list.active];
    const cursor = row === undefined ? anchor : lineOf(row);
    return line >= Math.min(anchor, cursor) && line <= Math.max(anchor, cursor);
  }

  // Pressing the button must not clear the selection.
  copy.addEventListener("mousedown", (event) => event.preventDefault());
  copy.addEventListener("click", () => void copyLines());

  async function copyLines(): Promise<void> {
    const { text, outcome } = linesToCopy();
    announce((await copyText(text)) ? outcome : "the browser does not let this page copy");
  }

  function linesToCopy(): { text: string; outcome: string } {
    const selection = (list.element.getRootNode() as Document).getSelection?.() ?? document.getSelection();
    const inList = selection?.anchorNode && list.element.contains(selection.anchorNode) ? selection.toString() : "";
    if (inList) return { text: inList, outcome: "copied what is selected" };
    const lines = anchor < 0 ? buffer.shown : buffer.shown.filter(isSelected);
    const text = lines.map((line) => `${stripCodes(formatLine(buffer.line(line)))}\n`).join("");
    return { text, outcome: `copied ${countLines(lines.length)}` };
  }

  // -- drawing ---------------------------------------------------------------------------------------------

  function drawCount(): void {
    const { matches, query } = buffer;
    const at = current >= 0 ? lowerBound(matches, current) + 1 : 0;
    const of = matches.length.toLocaleString();
    if (query === "") setText(count, "");
    else if (matches.length === 0) setText(count, "not found");
    else setText(count, at > 0 ? `${at.toLocaleString()} of ${of}` : of);
    for (const button of [previous, next]) setVisible(button, matches.length > 0);
  }

  function redraw(): void {
    // Hide the tools while there are no lines.
    for (const part of [kindGroup, searchGroup, endGroup, own]) setVisible(part, !body.hidden && buffer.length > 0);
    if (body.hidden) return;
    fallBack();
    if (anchor >= 0 && anchor < buffer.first) anchor = -1;
    list.setRows(buffer.rows);
    list.redraw();
    kinds.forEach((kind) => kind.draw());
    drawOwn();
    drawMarks(places().map(describeMark));
    setVisible(jump, buffer.marks.length > 0);
    drawCount();
    setText(earlier, earlierText());
    setVisible(earlier, earlier.textContent !== "");
    setText(status, stateText());
    status.classList.toggle("flw-log-empty", buffer.length === 0);
    setVisible(list.element, buffer.rows.length > 0);
    if (following) list.toEnd();
    goToWanted();
  }

  function drawOwn(): void {
    setText(own, `My code only (${buffer.ownCount.toLocaleString()})`);
    own.setAttribute("aria-pressed", String(buffer.isOwnOnly));
  }

  function earlierText(): string {
    const gone = buffer.first - 1;
    const parts: string[] = [];
    if (buffer.skippedBytes) parts.push(`${(buffer.skippedBytes / 1e6).toFixed(1)} MB`);
    if (gone) parts.push(gone === 1 ? "1 line" : `${gone.toLocaleString()} lines`);
    if (!parts.length) return "";
    return `… ${parts.join(" and ")} before these are not shown: %flare logs ${jobId} shows them`;
  }

  function stateText(): string {
    const { latest } = source;
    if (source.isUnanswered) return "No answer yet (busy or stopped)";
    if (!latest) return "loading the log…";
    if (latest.message) return latest.message;
    if (!buffer.length) return latest.state === "over" ? "the log is empty" : "nothing has been logged yet";
    if (!buffer.rows.length) return emptyText();
    return latest.state === "over" ? "the end of the log" : "";
  }

  function emptyText(): string {
    if (!buffer.isOwnOnly || buffer.ownCount > 0) return "all lines are hidden by the level filters";
    return source.target === SERVER
      ? "Your code has printed nothing here: its output is in the logs of the sites. Choose a site, or show all lines"
      : "Your code has printed nothing here yet. Press My code only to show all lines";
  }

  buffer.setOwnOnly(readPreference(OWN_ONLY, false));
  setWrapped(readPreference(WRAP, false));
  setFollowing(true);
  drawCount();

  return {
    element,
    draw(facts) {
      jobId = facts.jobId;
      drawTargets(facts.targets);
      // A log that could not be read while the job ran may be readable now, or the other way round.
      if (facts.ended !== ended) {
        ended = facts.ended;
        source.retry();
      }
    },
    reveal(target, line) {
      wanted = line;
      selectTarget(target);
      setOpen(true);
      element.scrollIntoView?.({ block: "nearest" });
      list.element.focus({ preventScroll: true });
    },
    handleMessage: (message) => source.handleMessage(message),
    dispose() {
      stopTracking();
      source.dispose();
      clearTimeout(searchTimer);
      list.dispose();
      element.remove();
    },
  };
}
