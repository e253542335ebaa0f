/** The colour scheme of the page around a view: as its front end declares it, else as the system does. */

import type { RenderContext } from "./anywidget-model";

type Scheme = "light" | "dark";

/** Attributes of `html` and `body` by which front ends declare their scheme; base.css knows the same ones. */
const ATTRIBUTES = ["data-jp-theme-light", "data-jp-theme-name", "data-vscode-theme-kind", "data-theme", "theme"];

const systemDark = (): MediaQueryList => matchMedia("(prefers-color-scheme: dark)");

/** Return the scheme of the page. */
export function pageScheme(): Scheme {
  for (const element of [document.body, document.documentElement]) {
    const declared = readScheme(element);
    if (declared) return declared;
  }
  return systemDark().matches ? "dark" : "light";
}

/** Call a listener whenever the scheme, or the colours of the same scheme, may have changed; the returned function stops it. */
export function onThemeChange(listener: () => void): () => void {
  const changes = new MutationObserver(listener);
  for (const element of [document.body, document.documentElement]) {
    changes.observe(element, { attributeFilter: ATTRIBUTES });
  }
  const system = systemDark();
  system.addEventListener("change", listener);
  return () => {
    changes.disconnect();
    system.removeEventListener("change", listener);
  };
}

/**
 * Have a widget follow the theme inside a shadow root, as in marimo. There no rule of a style sheet sees `body`, so the
 * scheme is repeated on the container of the view.
 */
export function themed<Widget extends { render(context: RenderContext): () => void }>(widget: Widget): Widget {
  return { ...widget, render: (context: RenderContext) => renderThemed(widget, context) };
}

function renderThemed(widget: { render(context: RenderContext): () => void }, context: RenderContext): () => void {
  const { el } = context;
  if (!(el.getRootNode() instanceof ShadowRoot)) return widget.render(context);
  const repeat = (): void => {
    el.dataset["theme"] = pageScheme();
  };
  repeat();
  // Before the listeners of the view, which read the colours.
  const stop = onThemeChange(repeat);
  const dispose = widget.render(context);
  return () => {
    stop();
    dispose();
  };
}

function readScheme(element: HTMLElement): Scheme | null {
  const lab = element.getAttribute("data-jp-theme-light");
  if (lab) return lab === "false" ? "dark" : "light";
  const kind = element.getAttribute("data-vscode-theme-kind");
  if (kind) return kind.endsWith("light") ? "light" : "dark";
  const theme = element.getAttribute("data-theme") ?? element.getAttribute("theme");
  return theme === "dark" || theme === "light" ? theme : null;
}
