/** The content of a tab: a view, or the reason why there is none. Independent of JupyterLab. */
import { listen } from "../core/anywidget-model";
import { h } from "../core/dom";
import type { Target } from "../core/place";
import { STATUS_GLYPHS, toStatusCategory } from "../core/status";
import { SHORT_ID_LENGTH } from "../core/text";
import { asRecord, asText } from "../core/validate";
import { type Link, type OpenView, Refusal } from "./link";
import type { RemoteModel } from "./model";
import { LINK_WORDS } from "./sidebar/view";
import type { ViewHost } from "./view_host";

/** What a tab shows, as JupyterLab keeps it in the layout of the page. */
export interface TabArgs {
  readonly kind: Target["kind"];
  /** The name of a session; empty if there was none when the tab was opened. */
  readonly session: string;
  readonly job?: string;
  readonly jobs?: readonly string[];
  readonly folder?: string;
  /** The name of the job, for the title until the view is there. */
  readonly name?: string;
}

const KINDS: readonly Target["kind"][] = ["jobs", "job", "system", "submit", "compare", "results"];
const TITLES: Readonly<Record<Target["kind"], string>> = {
  jobs: "Jobs",
  job: "Job",
  system: "System",
  submit: "Submit a job",
  compare: "Compare",
  results: "Results",
};

/** Read the arguments of a command, which a restored layout or a script gives; undefined if they name no view. */
export function readTabArgs(value: unknown): TabArgs | undefined {
  const raw = asRecord(value);
  const kind = KINDS.find((known) => known === raw["kind"]);
  const job = asText(raw["job"]);
  const jobs = Array.isArray(raw["jobs"]) ? raw["jobs"].map((id) => asText(id)) : [];
  const isOfJob = kind === "job" || kind === "results";
  if (!kind || (isOfJob && !job) || (kind === "compare" && jobs.length < 2)) return undefined;
  const folder = asText(raw["folder"], 500);
  const name = asText(raw["name"]);
  return {
    kind,
    session: asText(raw["session"]),
    ...(isOfJob ? { job } : {}),
    ...(kind === "compare" ? { jobs } : {}),
    ...(kind === "submit" && folder ? { folder } : {}),
    ...(name ? { name } : {}),
  };
}

/** Return the key of what a tab shows: there is one tab for each. */
export function tabKey({ kind, session, job, jobs, folder }: TabArgs): string {
  return JSON.stringify([kind, session, job ?? jobs ?? folder ?? ""]);
}

export interface TabContentOptions {
  readonly link: Link;
  readonly host: ViewHost;
  readonly args: TabArgs;
  readonly open: (target: Target) => void;
  /** Show a folder in the file browser, if there is one. */
  readonly showFolder?: ((path: string) => void) | undefined;
  readonly connect: () => void;
  /** Called when the title may have changed. */
  readonly onTitle: () => void;
}

/** The table of jobs, which is hidden until there are some; other views as a whole, or their first button. */
const FOCUS_TARGETS = ".flw-list, .flw-live[tabindex='-1'], .flw-system button, .flw-lab-button";
const STORAGE_PREFIX = "flare-widgets:tab:";

export class TabContent {
  readonly element = h("div", { class: "flw-tab-view" });
  readonly #view: OpenView;
  readonly #stop: (() => void)[];
  readonly #choices: Map<string, unknown>;
  #model: RemoteModel | undefined;
  #removeView: (() => void) | undefined;
  #drawing = 0;
  #isFocusDue = false;
  #sessions: string;
  /** The reason why there is no view; empty while there is one, or it is still asked for. */
  #whyOver = "";

  constructor(private readonly options: TabContentOptions) {
    const { link, args } = options;
    this.#choices = readChoices(tabKey(args));
    this.#sessions = this.#sessionNames().join("\n");
    const { kind, name: _, ...rest } = args;
    this.#showWords(link.state === "connected" ? "Opening…" : "", false);
    this.#view = link.open(
      { kind, args: rest },
      {
        model: (model) => void this.#draw(model),
        refused: (words) => this.#drop(words),
        gone: (words) => this.#drop(words),
      },
    );
    this.#stop = [link.onStateChange(() => this.#handleLink()), link.onFacts(() => this.#handleFacts())];
    this.#handleLink();
  }

  /** The title: with the glyph of a job's status, and its round. */
  get title(): string {
    const { kind, session, name, job, jobs } = this.options.args;
    if (kind === "job") return this.#jobTitle(name ?? "");
    const shortId = job?.slice(0, SHORT_ID_LENGTH);
    const ofJob = kind === "results" ? asText(asRecord(this.#model?.get("heading"))["name"]) || name || shortId : "";
    const several = this.#sessionNames().length > 1 && session !== "";
    const count = jobs ? ` ${jobs.length} jobs` : "";
    return `${TITLES[kind]}${count}${ofJob ? ` ${ofJob}` : ""}${several ? ` · ${session}` : ""}`;
  }

  /** Make a choice of the view, such as its filter, as if the reader had made it. */
  choose(key: string, value: unknown): void {
    this.#remember(key, value);
    if (this.#model) void this.#draw(this.#model);
  }

  /** Forget the choices of the view, as when the reader closes the tab. */
  forgetChoices(): void {
    this.#choices.clear();
    try {
      sessionStorage.removeItem(STORAGE_PREFIX + tabKey(this.options.args));
    } catch {
      // There was no place to keep them.
    }
  }

  /** Have the focus in the view, as soon as it has something to focus. The caller has the focus around this element. */
  focus(): void {
    this.#isFocusDue = true;
    this.#focusIfDue();
  }

  dispose(): void {
    this.#drawing++;
    this.#stop.forEach((stop) => stop());
    this.#removeView?.();
    this.#removeView = undefined;
    this.#view.close();
  }

  #focusIfDue(): void {
    if (!this.#isFocusDue) return;
    const target = this.element.querySelector<HTMLElement>(FOCUS_TARGETS);
    // Not if the reader has gone on to something else meanwhile.
    if (document.activeElement === this.element.parentElement) target?.focus({ preventScroll: true });
    this.#isFocusDue = document.activeElement === this.element.parentElement;
  }

  async #draw(model: RemoteModel): Promise<void> {
    const { host, open, showFolder, onTitle } = this.options;
    const drawing = ++this.#drawing;
    this.#clear();
    this.#model = model;
    this.#whyOver = "";
    const into = h("div");
    const tab = {
      open,
      showFolder,
      recall: (key: string) => this.#choices.get(key),
      remember: (key: string, value: unknown) => this.#remember(key, value),
    };
    // In the page before it is drawn: views ask for their size.
    this.element.replaceChildren(into);
    try {
      const remove = await host.render(model, into, tab);
      if (drawing !== this.#drawing) {
        remove();
        return;
      }
      // After the listeners of the view, which has drawn what came.
      const handleNews = (): void => {
        onTitle();
        this.#focusIfDue();
      };
      const stop = listen(model, ["change", "msg:custom"], handleNews);
      this.#removeView = () => {
        stop();
        remove();
      };
      this.#focusIfDue();
    } catch (error) {
      console.error("flare-widgets: a view cannot be shown", error);
      if (drawing === this.#drawing) this.#drop("The view cannot be shown. Reload the page.");
    }
    onTitle();
  }

  #clear(): void {
    this.#removeView?.();
    this.#removeView = undefined;
    this.#model = undefined;
  }

  #drop(words: string): void {
    this.#drawing++;
    this.#clear();
    this.#whyOver = words;
    this.#showWords(words, true);
    this.options.onTitle();
  }

  #showWords(words: string, isOver: boolean): void {
    const { connect, args } = this.options;
    const again = h("button", { class: "flw-lab-button", type: "button" }, "Open again");
    again.addEventListener("click", () => this.#view.reopen());
    const connectButton = h("button", { class: "flw-lab-button", type: "button" }, "Connect…");
    connectButton.addEventListener("click", connect);
    const isKnown = this.#sessionNames().includes(args.session);
    this.element.replaceChildren(
      h(
        "div",
        { class: "flw-tab-words" },
        h("p", { role: "status" }, words || "Opening…"),
        ...(isOver ? [isKnown ? again : connectButton] : []),
      ),
    );
  }

  #handleLink(): void {
    const { link } = this.options;
    if (!this.#model && link.state !== "connected") this.#showWords(LINK_WORDS[link.state], false);
  }

  /** Ask again once the session of a restored tab is there. */
  #handleFacts(): void {
    const names = this.#sessionNames().join("\n");
    if (names !== this.#sessions) {
      this.#sessions = names;
      // A tab that was opened without a session takes the current one.
      const { session } = this.options.args;
      if (this.#whyOver) this.#showWords(this.#whyOver, true);
      if (!this.#model && (session ? this.#sessionNames().includes(session) : names)) this.#view.reopen();
    }
    this.options.onTitle();
  }

  #sessionNames(): string[] {
    const sessions = this.options.link.facts.get("sessions");
    return Array.isArray(sessions) ? sessions.map((session) => asText(asRecord(session)["name"])) : [];
  }

  #jobTitle(fallback: string): string {
    const job = asRecord(this.#model?.get("view_model"));
    const rows = asRecord(this.options.link.facts.get("jobs"))["rows"];
    const row = asRecord(
      Array.isArray(rows) ? rows.find((one) => asRecord(one)["id"] === this.options.args.job) : null,
    );
    const glyph = this.#model ? STATUS_GLYPHS[toStatusCategory(job["category"])] : asText(row["glyph"], 2);
    const { round, rounds } = row;
    const isRunning = job["category"] === "running" || !this.#model;
    const progress = isRunning && typeof round === "number" && typeof rounds === "number" ? `${round}/${rounds}` : "";
    const name = asText(job["name"]) || asText(row["name"]) || fallback || TITLES.job;
    return [glyph, name, progress].filter(Boolean).join(" ");
  }

  #remember(key: string, value: unknown): void {
    this.#choices.set(key, value);
    try {
      const kept = JSON.stringify(Object.fromEntries(this.#choices));
      sessionStorage.setItem(STORAGE_PREFIX + tabKey(this.options.args), kept);
    } catch {
      // The tab keeps it for as long as it is open.
    }
  }
}

function readChoices(key: string): Map<string, unknown> {
  try {
    return new Map(Object.entries(asRecord(JSON.parse(sessionStorage.getItem(STORAGE_PREFIX + key) ?? "{}"))));
  } catch {
    return new Map();
  }
}

/** Return the words of an error for people. */
export function wordsOf(error: unknown): string {
  return error instanceof Refusal ? error.message : "That did not work. Reload the page and try again.";
}
