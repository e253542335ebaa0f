/** The sessions view: a line per session. Independent of anywidget and of kernels. */
import { type Action, type ActionBar, type ActionMessage, createActionBar } from "../core/actions";
import { createAnnouncer } from "../core/announcer";
import { h, setText, setVisible } from "../core/dom";
import { SEVERITY_GLYPHS, severityAt, textAt } from "../core/live-text";
import type { SessionViewModel } from "./view-model";

export interface SessionsViewState {
  readonly sessions: readonly SessionViewModel[];
  readonly current: string;
  readonly canSwitch: boolean;
  /** Reason why sessions cannot be switched; empty if they can. */
  readonly disabledReason: string;
  readonly actions: ReadonlyMap<string, readonly Action[]>;
  /** Text in place of sessions if there are none. */
  readonly emptyText: string;
  /** Label for screen readers. */
  readonly label: string;
}

export interface SessionsViewOptions {
  readonly kernelNow: () => number;
  readonly browserNow: () => number;
  readonly send: (message: ActionMessage) => void;
  readonly use: (name: string) => void;
}

export interface SessionsView {
  readonly element: HTMLElement;
  draw(next: SessionsViewState): void;
  dispose(): void;
}

interface SessionLine {
  readonly element: HTMLElement;
  draw(session: SessionViewModel, view: SessionsViewState): void;
}

const TICK_MS = 500;

export function createSessionsView({ kernelNow, browserNow, send, use }: SessionsViewOptions): SessionsView {
  const announcer = createAnnouncer();
  const list = h("ul", { class: "flw-sessions", role: "list", "aria-label": "sessions" });
  const none = h("p", { class: "flw-facts" });
  const element = h(
    "div",
    { class: "flw-session flw-live", role: "group", tabindex: "-1" },
    list,
    none,
    announcer.element,
  );
  const lines = new Map<string, SessionLine>();
  let latest: SessionsViewState | undefined;

  function tick(): void {
    if (!latest) return;
    const state = latest;
    const keys = new Set(state.sessions.map(({ name }) => name));
    for (const [key, line] of lines) {
      if (keys.has(key)) continue;
      const { activeElement } = element.getRootNode() as Document | ShadowRoot;
      const hadFocus = line.element.contains(activeElement);
      line.element.remove();
      lines.delete(key);
      if (hadFocus) element.focus({ preventScroll: true });
    }
    state.sessions.forEach((session, index) => {
      const sessionLine = lines.get(session.name) ?? createLine(session.name);
      lines.set(session.name, sessionLine);
      sessionLine.draw(session, state);
      if (list.children[index] !== sessionLine.element)
        list.insertBefore(sessionLine.element, list.children[index] ?? null);
    });
    setText(none, state.emptyText);
    setVisible(none, state.sessions.length === 0);
  }

  function createLine(key: string): SessionLine {
    const name = h("strong", { class: "flw-session-name" });
    const badge = h("span", { class: "flw-badge" }, "current");
    const user = h("span", { class: "flw-session-user" });
    const role = h("span", { class: "flw-session-soft" });
    const server = h("span", { class: "flw-session-server" });
    const study = h("span", { class: "flw-session-soft" });
    const glyph = h("span", { class: "flw-glyph", "aria-hidden": "true" });
    const state = h("span");
    const warning = h("span", { class: "flw-session-warning" });
    const useButton = h("button", { class: "flw-button flw-session-use", type: "button" }, "Use");
    useButton.addEventListener("click", () => {
      if (latest?.disabledReason) announcer.announce(latest.disabledReason);
      else use(key);
    });
    const bar: ActionBar = createActionBar({ send, announce: announcer.announce, now: browserNow });
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
      h("div", { class: "flw-session-buttons" }, useButton, bar.element),
    );
    let lastAnnounced = "";
    return {
      element: row,
      draw(session, view) {
        const now = kernelNow();
        const isCurrent = view.canSwitch && session.name === view.current;
        const severity = severityAt(session.stateText, now);
        row.dataset["severity"] = severity;
        row.classList.toggle("flw-session-current", isCurrent);
        if (isCurrent) row.setAttribute("aria-current", "true");
        else row.removeAttribute("aria-current");
        setText(name, session.name);
        setVisible(name, view.canSwitch);
        setVisible(badge, isCurrent);
        setText(user, session.username);
        setText(role, session.roleAndOrg);
        setVisible(role, role.textContent !== "");
        setText(server, session.address);
        setText(study, `study ${session.study}`);
        setText(glyph, SEVERITY_GLYPHS[severity]);
        setText(state, textAt(session.stateText, now));
        setText(warning, textAt(session.certificate, now));
        setVisible(warning, warning.textContent !== "");
        // The current session keeps its button, disabled, so that the focus stays where it is.
        setVisible(useButton, view.canSwitch && session.state !== "closed");
        const isDisabled = isCurrent || view.disabledReason !== "";
        useButton.classList.toggle("flw-grey", isDisabled);
        if (isDisabled) useButton.setAttribute("aria-disabled", "true");
        else useButton.removeAttribute("aria-disabled");
        useButton.title = view.disabledReason;
        useButton.setAttribute(
          "aria-label",
          `Use ${session.name}${view.disabledReason && ` (not possible: ${view.disabledReason})`}`,
        );
        const actions = view.actions.get(session.name) ?? [];
        bar.draw(actions, browserNow());
        setVisible(bar.element, actions.length > 0);
        const announced = `${session.name || session.username}: ${session.state}`;
        if (lastAnnounced && lastAnnounced !== announced) announcer.announce(announced);
        lastAnnounced = announced;
      },
    };
  }

  const ticker = setInterval(tick, TICK_MS);
  return {
    element,
    draw(next) {
      if (latest && latest.current !== next.current && next.current)
        announcer.announce(`${next.current} is the current session`);
      latest = next;
      element.classList.toggle("flw-switcher", next.canSwitch);
      element.setAttribute("aria-label", next.label);
      tick();
    },
    dispose() {
      clearInterval(ticker);
      element.remove();
    },
  };
}
