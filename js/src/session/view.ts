/** Sessions, a line each. Knows nothing of anywidget or of kernels. */
import { type Action, type ActionBar, type Wish, actionBar } from "../core/actions";
import { announcer } from "../core/announcer";
import { h, setText, show } from "../core/dom";
import { type SessionFacts, GLYPHS, certificateWords, mandate, stateWords, tone } from "./view-model";

export interface SessionsFacts {
  readonly sessions: readonly SessionFacts[];
  readonly current: string;
  readonly switches: boolean;
  /** Why no other can be made the current one; empty when one can. */
  readonly grey: string;
  readonly actions: ReadonlyMap<string, readonly Action[]>;
  /** What a screen reader hears. */
  readonly sentence: string;
}

export interface SessionsViewOptions {
  readonly kernelNow: () => number;
  readonly browserNow: () => number;
  readonly tell: (wish: Wish) => void;
  readonly use: (name: string) => void;
}

export interface SessionsView {
  readonly element: HTMLElement;
  draw(next: SessionsFacts): void;
  dispose(): void;
}

interface Line {
  readonly element: HTMLElement;
  draw(session: SessionFacts, facts: SessionsFacts): void;
}

const TICK = 500;

export function sessionsView({ kernelNow, browserNow, tell, use }: SessionsViewOptions): SessionsView {
  const voice = announcer();
  const list = h("ul", { class: "flw-sessions", role: "list", "aria-label": "sessions" });
  const none = h("p", { class: "flw-facts" }, "No session. %flare connect KIT opens one.");
  const element = h("div", { class: "flw-session flw-live", role: "group", tabindex: "-1" }, list, none, voice.element);
  const lines = new Map<string, Line>();
  let latest: SessionsFacts | undefined;

  function tick(): void {
    if (!latest) return;
    const facts = latest;
    const keys = new Set(facts.sessions.map(({ name }) => name));
    for (const [key, line] of lines) {
      if (keys.has(key)) continue;
      const { activeElement } = element.getRootNode() as Document | ShadowRoot;
      const hadFocus = line.element.contains(activeElement);
      line.element.remove();
      lines.delete(key);
      if (hadFocus) element.focus({ preventScroll: true });
    }
    facts.sessions.forEach((session, index) => {
      let made = lines.get(session.name);
      if (!made) lines.set(session.name, (made = line(session.name)));
      made.draw(session, facts);
      if (list.children[index] !== made.element) list.insertBefore(made.element, list.children[index] ?? null);
    });
    show(none, facts.sessions.length === 0);
  }

  function line(key: string): Line {
    const name = h("strong", { class: "flw-session-name" });
    const badge = h("span", { class: "flw-badge" }, "current");
    const user = h("span", { class: "flw-session-user" });
    const role = h("span", { class: "flw-session-soft" });
    const server = h("span", { class: "flw-session-server" });
    const study = h("span", { class: "flw-session-soft" });
    const glyph = h("span", { class: "flw-glyph", "aria-hidden": "true" });
    const state = h("span");
    const warning = h("span", { class: "flw-session-warning" });
    const pick = h("button", { class: "flw-button flw-session-use", type: "button" }, "Use");
    pick.addEventListener("click", () => {
      if (latest?.grey) voice.say(latest.grey);
      else use(key);
    });
    const bar: ActionBar = actionBar({ tell, announce: voice.say, clock: browserNow });
    const row = h(
      "li",
      { class: "flw-session-row" },
      h(
        "div",
        { class: "flw-session-line" },
        name,
        badge,
        user,
        role,
        h("span", { class: "flw-session-server" }, h("span", { "aria-hidden": "true" }, "→ "), server),
        study,
        h("span", { class: "flw-session-state" }, glyph, " ", state),
        warning,
      ),
      h("div", { class: "flw-session-buttons" }, pick, bar.element),
    );
    let before = "";
    return {
      element: row,
      draw(session, facts) {
        const now = kernelNow();
        const isCurrent = facts.switches && session.name === facts.current;
        row.dataset["tone"] = tone(session);
        row.classList.toggle("flw-session-current", isCurrent);
        if (isCurrent) row.setAttribute("aria-current", "true");
        else row.removeAttribute("aria-current");
        setText(name, session.name);
        show(name, facts.switches);
        show(badge, isCurrent);
        setText(user, session.username);
        setText(role, mandate(session));
        show(role, role.textContent !== "");
        setText(server, session.address);
        setText(study, `study ${session.study}`);
        setText(glyph, GLYPHS[tone(session)]);
        setText(state, stateWords(session, now));
        setText(warning, certificateWords(session, now));
        show(warning, warning.textContent !== "");
        // The current one keeps its button, grey, so that the focus stays where it is.
        show(pick, facts.switches && session.state !== "closed");
        const grey = isCurrent || facts.grey !== "";
        pick.classList.toggle("flw-grey", grey);
        if (grey) pick.setAttribute("aria-disabled", "true");
        else pick.removeAttribute("aria-disabled");
        pick.title = facts.grey;
        pick.setAttribute("aria-label", `Use ${session.name}${facts.grey && ` (not possible: ${facts.grey})`}`);
        const actions = facts.actions.get(session.name) ?? [];
        bar.draw(actions, browserNow());
        show(bar.element, actions.length > 0);
        const kind = `${session.name || session.username}: ${session.state}`;
        if (before && before !== kind) voice.say(kind);
        before = kind;
      },
    };
  }

  const ticker = setInterval(tick, TICK);
  return {
    element,
    draw(next) {
      if (latest && latest.current !== next.current && next.current) voice.say(`${next.current} is the current session`);
      latest = next;
      element.classList.toggle("flw-switcher", next.switches);
      element.setAttribute("aria-label", next.sentence);
      tick();
    },
    dispose() {
      clearInterval(ticker);
      element.remove();
    },
  };
}
