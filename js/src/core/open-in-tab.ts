/**
 * The button by which a view in a notebook opens in a tab of JupyterLab. The extension and the views are bundles of
 * their own, of which either may be missing, or of another version: they meet in events of the window. Where nobody
 * answers them, as in other front ends, there is no button.
 */
import { listen, type RenderContext } from "./anywidget-model";
import { h, svg } from "./dom";
import { asRecord, asText, type PlainObject } from "./validate";

/** The question whether a tab can be opened: a listener that can prevents the default of the event. */
export const CAN_OPEN = "flare-widgets:can-open-tab";
/** The request to open it. */
export const OPEN = "flare-widgets:open-tab";
/** The news that the answer to the question may be another one. */
export const CHANGED = "flare-widgets:tabs-changed";

/** What a view tells about the tab that shows the same; see flare_widgets/views/core/tab.py. */
export interface TabRequest {
  readonly kind: string;
  readonly args: PlainObject;
  /** The digest of the session. */
  readonly session: string;
}

export function readTabRequest(value: unknown): TabRequest | undefined {
  const raw = asRecord(value);
  const [kind, session] = [asText(raw["kind"]), asText(raw["session"])];
  return kind && session ? { kind, args: asRecord(raw["args"]), session } : undefined;
}

/** Add the button to the head of a view; the returned function removes it. */
export function offerTab({ model, place }: RenderContext, head: Element | null): () => void {
  if (place || !head) return () => {};
  const icon = svg(
    "svg",
    { viewBox: "0 0 16 16", "aria-hidden": "true" },
    svg("path", { d: "M7 3.5H3.5v9h9V9M9.5 2.5h4v4M13.2 2.8 7.5 8.5" }),
  );
  const button = h("button", { class: "flw-open-tab", type: "button", title: "Open in a tab" }, icon);
  button.setAttribute("aria-label", "open in a tab");
  const request = (): TabRequest | undefined => readTabRequest(model.get("tab"));
  const draw = (): void => {
    const detail = request();
    const isOffered = detail !== undefined && !ask(CAN_OPEN, detail);
    if (isOffered) head.append(button);
    else button.remove();
  };
  button.addEventListener("click", () => {
    const detail = request();
    if (detail) ask(OPEN, detail);
  });
  addEventListener(CHANGED, draw);
  const stop = listen(model, ["change:tab"], draw);
  draw();
  return () => {
    removeEventListener(CHANGED, draw);
    stop();
    button.remove();
  };
}

/** Fire an event; false if somebody has answered it. */
function ask(name: string, detail: TabRequest): boolean {
  return dispatchEvent(new CustomEvent(name, { cancelable: true, detail }));
}
