/** The log of a job, live: who, which levels, a search, and the lines. Folded until somebody wants to see it. */
import { copyText } from "../../core/copy";
import { h, setText, show, whenChanged } from "../../core/dom";
import { clean } from "../../core/text";
import { virtualList } from "../../core/virtual-list";
import { whileVisible } from "../../core/visibility";
import { plain } from "./ansi";
import { LEVELS, type Level, placeOf } from "./buffer";
import { SIGNS, logRow } from "./row";
import { type LogRequest, LogSource } from "./source";

export interface LogFacts {
  /** Whose logs there are; the first one is shown first. */
  readonly targets: readonly string[];
  readonly jobId: string;
  readonly ended: boolean;
}

export interface LogPanel {
  readonly element: HTMLElement;
  draw(facts: LogFacts): void;
  /** Take a message of the kernel. */
  take(message: unknown): void;
  dispose(): void;
}

export interface LogPanelOptions {
  readonly tell: (request: LogRequest) => void;
  readonly announce: (words: string) => void;
}

/** Pixels; log.css gives lines the same. */
const ROW = 18;
/** Milliseconds that typing pauses before it is searched for. */
const TYPING = 150;
const WORDS: Readonly<Record<Level, [one: string, many: string]>> = {
  error: ["error", "errors"],
  warning: ["warning", "warnings"],
  info: ["info", "info"],
  debug: ["debug", "debug"],
};
let panels = 0;

export function logPanel({ tell, announce }: LogPanelOptions): LogPanel {
  const id = `flw-log-${++panels}`;
  const source = new LogSource({ tell, changed: () => redraw() });
  const { buffer } = source;

  const arrow = h("span", { class: "flw-log-arrow", "aria-hidden": "true" }, "▸");
  const fold = h("button", { class: "flw-log-fold", type: "button", "aria-expanded": "false", "aria-controls": id }, arrow, "Log");
  const who = h("select", { class: "flw-log-who", "aria-label": "whose log" });
  const levels = LEVELS.map(levelButton);
  const field = h("input", { class: "flw-log-search", "aria-label": "search in the log" });
  field.type = "search";
  field.placeholder = "Search";
  field.spellcheck = false;
  const count = h("span", { class: "flw-log-count" });
  const previous = h("button", { class: "flw-button", type: "button", "aria-label": "previous match", title: "previous match (Shift+Enter)" }, "↑");
  const next = h("button", { class: "flw-button", type: "button", "aria-label": "next match", title: "next match (Enter)" }, "↓");
  const copy = h("button", { class: "flw-button", type: "button", title: "copy what is selected, or else all lines that are shown" }, "Copy");
  const follow = h("button", { class: "flw-button", type: "button", "aria-pressed": "true", title: "keep the newest line in sight" }, "Follow");
  const earlier = h("div", { class: "flw-log-earlier" });
  const words = h("div", { class: "flw-log-words" });

  let current = -1; // the line the search is at
  let anchor = -1; // the line where a selection by the keyboard began
  let following = true;
  let jobId = "";
  let ended = false;
  let typing: ReturnType<typeof setTimeout> | undefined;

  const list = virtualList<number>({
    rowHeight: ROW,
    makeRow: () =>
      logRow((line) => ({
        level: buffer.level(line),
        text: buffer.line(line),
        query: buffer.query,
        current: line === current,
        selected: isSelected(line),
      })),
    keyOf: String,
    role: "listbox",
    rowRole: "option",
    label: "log lines",
    stick: true,
    onStick: (atEnd) => followed(atEnd),
    onMove: (from, _to, event) => {
      anchor = event?.shiftKey ? (anchor >= 0 ? anchor : (buffer.shown[from] ?? -1)) : -1;
      list.redraw();
    },
    onKey: (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "c" && anchor >= 0) void copied();
      else if (event.key === "/" || event.key === "F3") field.focus();
      else return false;
      return true;
    },
  });
  const grade = h("span", { role: "group", "aria-label": "levels" }, ...levels.map(({ element }) => element));
  const find = h("span", {}, field, previous, next, count);
  const handle = h("span", { class: "flw-log-do" }, follow, copy);
  list.element.setAttribute("aria-multiselectable", "true");
  const tools = h(
    "div",
    { class: "flw-log-tools", role: "toolbar", "aria-label": "log" },
    who,
    grade,
    find,
  );
  // JupyterLab takes keys for its notebook before we see them, except below this attribute.
  const body = h("div", { class: "flw-log-body", "data-lm-suppress-shortcuts": "true" }, tools, earlier, list.element, words);
  const element = h("section", { class: "flw-log", "aria-label": "log" }, h("div", { class: "flw-log-head" }, fold, handle), body);
  body.id = id;
  show(body, false);
  show(handle, false);

  // -- who looks -------------------------------------------------------------------------------------------

  let inSight = false;
  const unseen = whileVisible(body, (on) => {
    inSight = on;
    look();
  });

  function look(): void {
    source.look(!body.hidden && inSight);
  }

  fold.addEventListener("click", () => {
    show(body, body.hidden !== false);
    fold.setAttribute("aria-expanded", String(!body.hidden));
    setText(arrow, body.hidden ? "▸" : "▾");
    look();
    redraw();
  });

  // -- what they want to see -------------------------------------------------------------------------------

  const drawTargets = whenChanged((targets: readonly string[]) => {
    who.replaceChildren(
      ...targets.map((target) => {
        const option = h("option", {}, clean(target, 60));
        option.value = target;
        return option;
      }),
    );
    const chosen = targets.includes(source.target) ? source.target : (targets[0] ?? "");
    who.value = chosen;
    source.choose(chosen);
  });

  who.addEventListener("change", () => {
    current = anchor = -1;
    source.choose(who.value);
    list.toEnd();
    followed(true);
  });

  function levelButton(level: Level) {
    const text = h("span", {});
    const button = h("button", { class: "flw-button flw-log-level", type: "button", "aria-pressed": "true", "data-level": level }, text);
    button.addEventListener("click", () => {
      buffer.show(level, !buffer.isShown(level));
      redraw();
    });
    return {
      element: button,
      draw(): void {
        const number = buffer.counts[level];
        const [one, many] = WORDS[level];
        const sign = SIGNS[level] ? `${SIGNS[level]} ` : "";
        setText(text, `${sign}${number.toLocaleString()} ${number === 1 ? one : many}`);
        button.setAttribute("aria-pressed", String(buffer.isShown(level)));
      },
    };
  }

  field.addEventListener("input", () => {
    clearTimeout(typing);
    typing = setTimeout(search, TYPING);
  });
  field.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Enter") {
      search();
      step(event.shiftKey ? -1 : 1);
    } else if (event.key === "Escape" && field.value) {
      field.value = "";
      search();
    } else return;
    event.preventDefault();
  });
  next.addEventListener("click", () => step(1));
  previous.addEventListener("click", () => step(-1));

  function search(): void {
    clearTimeout(typing);
    if (field.value.toLowerCase() === buffer.query) return;
    current = -1;
    buffer.search(field.value);
    list.redraw();
    drawCount();
  }

  /** Go to the next match, from the one before or from what is in sight. */
  function step(by: 1 | -1): void {
    const { matches, shown } = buffer;
    if (!matches.length) return;
    const seen = shown[Math.floor(list.element.scrollTop / ROW)] ?? 0;
    const at = current >= 0 ? placeOf(matches, current) + (matches.includes(current) || by < 0 ? by : 0) : placeOf(matches, seen);
    current = matches[(at + matches.length) % matches.length] ?? -1;
    anchor = -1;
    list.activate(placeOf(shown, current));
    list.redraw();
    drawCount();
    announce(`line ${current}: ${clean(plain(buffer.line(current)), 200)}`);
  }

  follow.addEventListener("click", () => {
    list.toEnd();
    followed(true);
  });

  function followed(atEnd: boolean): void {
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

  // Pressing the button must not take away what is selected.
  copy.addEventListener("mousedown", (event) => event.preventDefault());
  copy.addEventListener("click", () => void copied());

  async function copied(): Promise<void> {
    const { text, said } = chosen();
    announce((await copyText(text)) ? said : "the browser does not let this page copy");
  }

  function chosen(): { text: string; said: string } {
    const selection = (list.element.getRootNode() as Document).getSelection?.() ?? document.getSelection();
    const inList = selection?.anchorNode && list.element.contains(selection.anchorNode) ? selection.toString() : "";
    if (inList) return { text: inList, said: "copied what is selected" };
    const lines = anchor < 0 ? buffer.shown : buffer.shown.filter(isSelected);
    const text = lines.map((line) => `${plain(buffer.line(line))}\n`).join("");
    return { text, said: `copied ${lines.length.toLocaleString()} ${lines.length === 1 ? "line" : "lines"}` };
  }

  // -- drawing ---------------------------------------------------------------------------------------------

  function drawCount(): void {
    const { matches, query } = buffer;
    const at = current >= 0 ? placeOf(matches, current) + 1 : 0;
    const of = matches.length.toLocaleString();
    setText(count, !query ? "" : !matches.length ? "not found" : at ? `${at.toLocaleString()} of ${of}` : of);
    for (const button of [previous, next]) button.disabled = matches.length === 0;
  }

  function redraw(): void {
    // What works on lines is of no use without any.
    for (const part of [grade, find, handle]) show(part, !body.hidden && buffer.length > 0);
    if (body.hidden) return;
    if (anchor >= 0 && anchor < buffer.first) anchor = -1;
    list.setRows(buffer.shown);
    list.redraw();
    levels.forEach((level) => level.draw());
    drawCount();
    setText(earlier, earlierWords());
    show(earlier, earlier.textContent !== "");
    setText(words, stateWords());
    words.classList.toggle("flw-log-empty", buffer.length === 0);
    show(list.element, buffer.length > 0);
    if (following) list.toEnd();
  }

  function earlierWords(): string {
    const gone = buffer.first - 1;
    const parts = [];
    if (buffer.leftOut) parts.push(`${(buffer.leftOut / 1e6).toFixed(1)} MB`);
    if (gone) parts.push(gone === 1 ? "1 line" : `${gone.toLocaleString()} lines`);
    if (!parts.length) return "";
    return `… ${parts.join(" and ")} before these are not shown: %flare logs ${jobId} shows them`;
  }

  function stateWords(): string {
    const { latest } = source;
    if (source.silent) return "the kernel does not answer: it is busy, or gone";
    if (!latest) return "asking for the log…";
    if (latest.words) return latest.words;
    if (!buffer.length) return latest.state === "over" ? "the log is empty" : "nothing has been logged yet";
    if (!buffer.shown.length) return "all lines are of levels that are not shown";
    return latest.state === "over" ? "the end of the log" : "";
  }

  followed(true);
  drawCount();

  return {
    element,
    draw(facts) {
      jobId = facts.jobId;
      drawTargets(facts.targets);
      // What could not be read while the job ran perhaps can be now, or the other way round.
      if (facts.ended !== ended) {
        ended = facts.ended;
        source.retry();
      }
    },
    take: (message) => source.take(message),
    dispose() {
      unseen();
      source.dispose();
      clearTimeout(typing);
      list.dispose();
      element.remove();
    },
  };
}
