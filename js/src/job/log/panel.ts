/** The log panel of a job: choice of the target, level filters, search, and the lines. Collapsed at first. */
import { copyText } from "../../core/copy";
import { h, setText, setVisible, whenChanged } from "../../core/dom";
import { sanitize } from "../../core/text";
import { createVirtualList } from "../../core/virtual-list";
import { trackVisibility } from "../../core/visibility";
import { stripCodes } from "./ansi";
import { LEVELS, type Level, lowerBound } from "./buffer";
import { createLogRow, SIGNS } from "./row";
import { type LogRequest, LogSource } from "./source";

export interface LogPanelState {
  /** The server and the sites that have logs; the first is selected at first. */
  readonly targets: readonly string[];
  readonly jobId: string;
  readonly ended: boolean;
}

export interface LogPanel {
  readonly element: HTMLElement;
  draw(facts: LogPanelState): void;
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
const LEVEL_NAMES: Readonly<Record<Level, [one: string, many: string]>> = {
  error: ["error", "errors"],
  warning: ["warning", "warnings"],
  info: ["info", "info"],
  debug: ["debug", "debug"],
};
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
  const levels = LEVELS.map(createLevelButton);
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
  let jobId = "";
  let ended = false;
  let searchTimer: ReturnType<typeof setTimeout> | undefined;

  const list = createVirtualList<number>({
    rowHeight: ROW_HEIGHT_PX,
    makeRow: () =>
      createLogRow((line) => ({
        level: buffer.level(line),
        text: buffer.line(line),
        query: buffer.query,
        isCurrent: line === current,
        isSelected: isSelected(line),
      })),
    keyOf: String,
    role: "listbox",
    rowRole: "option",
    label: "log lines",
    followEnd: true,
    onFollowEndChange: (atEnd) => setFollowing(atEnd),
    onMove: (from, _to, event) => {
      anchor = event?.shiftKey ? (anchor >= 0 ? anchor : (buffer.shown[from] ?? -1)) : -1;
      list.redraw();
    },
    onKey: (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "c" && anchor >= 0) void copyLines();
      else if (event.key === "/" || event.key === "F3") field.focus();
      else return false;
      return true;
    },
  });
  const levelGroup = h("span", { role: "group", "aria-label": "levels" }, ...levels.map((level) => level.element));
  const searchGroup = h("span", {}, field, previous, next, count);
  const endGroup = h("span", { class: "flw-log-do" }, follow, copy);
  list.element.setAttribute("aria-multiselectable", "true");
  const tools = h(
    "div",
    { class: "flw-log-tools", role: "toolbar", "aria-label": "log" },
    targetChoice,
    levelGroup,
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

  toggle.addEventListener("click", () => {
    setVisible(body, body.hidden !== false);
    toggle.setAttribute("aria-expanded", String(!body.hidden));
    setText(arrow, body.hidden ? "▸" : "▾");
    updateVisibility();
    redraw();
  });

  // -- target, levels, search ------------------------------------------------------------------------------

  const drawTargets = whenChanged((targets: readonly string[]) => {
    targetChoice.replaceChildren(
      ...targets.map((target) => {
        const option = h("option", {}, sanitize(target, 60));
        option.value = target;
        return option;
      }),
    );
    const chosen = targets.includes(source.target) ? source.target : (targets[0] ?? "");
    targetChoice.value = chosen;
    source.selectTarget(chosen);
  });

  targetChoice.addEventListener("change", () => {
    current = anchor = -1;
    source.selectTarget(targetChoice.value);
    list.toEnd();
    setFollowing(true);
  });

  function createLevelButton(level: Level) {
    const text = h("span", {});
    const button = h(
      "button",
      { class: "flw-button flw-log-level", type: "button", "aria-pressed": "true", "data-level": level },
      text,
    );
    button.addEventListener("click", () => {
      buffer.setLevelVisible(level, !buffer.isLevelVisible(level));
      redraw();
    });
    return {
      element: button,
      draw(): void {
        const number = buffer.counts[level];
        const [one, many] = LEVEL_NAMES[level];
        const sign = SIGNS[level] ? `${SIGNS[level]} ` : "";
        setText(text, `${sign}${number.toLocaleString()} ${number === 1 ? one : many}`);
        button.setAttribute("aria-pressed", String(buffer.isLevelVisible(level)));
      },
    };
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
    const { matches, shown } = buffer;
    if (!matches.length) return;
    const seen = shown[Math.floor(list.element.scrollTop / ROW_HEIGHT_PX)] ?? 0;
    const at =
      current >= 0
        ? lowerBound(matches, current) + (matches.includes(current) || by < 0 ? by : 0)
        : lowerBound(matches, seen);
    current = matches[(at + matches.length) % matches.length] ?? -1;
    anchor = -1;
    list.activate(lowerBound(shown, current));
    list.redraw();
    drawCount();
    announce(`line ${current}: ${sanitize(stripCodes(buffer.line(current)), 200)}`);
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
    const cursor = buffer.shown[list.active] ?? anchor;
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
    const text = lines.map((line) => `${stripCodes(buffer.line(line))}\n`).join("");
    return { text, outcome: `copied ${lines.length.toLocaleString()} ${lines.length === 1 ? "line" : "lines"}` };
  }

  // -- drawing ---------------------------------------------------------------------------------------------

  function drawCount(): void {
    const { matches, query } = buffer;
    const at = current >= 0 ? lowerBound(matches, current) + 1 : 0;
    const of = matches.length.toLocaleString();
    if (query === "") setText(count, "");
    else if (matches.length === 0) setText(count, "not found");
    else setText(count, at > 0 ? `${at.toLocaleString()} of ${of}` : of);
    for (const button of [previous, next]) button.disabled = matches.length === 0;
  }

  function redraw(): void {
    // Hide the tools while there are no lines.
    for (const part of [levelGroup, searchGroup, endGroup]) setVisible(part, !body.hidden && buffer.length > 0);
    if (body.hidden) return;
    if (anchor >= 0 && anchor < buffer.first) anchor = -1;
    list.setRows(buffer.shown);
    list.redraw();
    levels.forEach((level) => level.draw());
    drawCount();
    setText(earlier, earlierText());
    setVisible(earlier, earlier.textContent !== "");
    setText(status, stateText());
    status.classList.toggle("flw-log-empty", buffer.length === 0);
    setVisible(list.element, buffer.length > 0);
    if (following) list.toEnd();
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
    if (source.isUnanswered) return "No answer from the kernel (busy or stopped)";
    if (!latest) return "loading the log…";
    if (latest.message) return latest.message;
    if (!buffer.length) return latest.state === "over" ? "the log is empty" : "nothing has been logged yet";
    if (!buffer.shown.length) return "all lines are hidden by the level filters";
    return latest.state === "over" ? "the end of the log" : "";
  }

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
