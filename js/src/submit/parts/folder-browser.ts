/** The folder browser: breadcrumbs, the folders of the present one, and a field for a path. */
import { h, setText, setVisible, whenChanged } from "../../core/dom";
import type { Folder, FolderContents } from "../view-model";

export interface FolderBrowser {
  readonly element: HTMLElement;
  draw(place: FolderContents): void;
  /** Focus the first folder, or else the path field. */
  focus(): void;
}

export interface FolderBrowserOptions {
  /** Open a folder, or choose it if it is a job folder. */
  readonly go: (id: number) => void;
  /** Open the path that was typed. */
  readonly openPath: (path: string) => void;
}

let count = 0;

export function createFolderBrowser({ go, openPath }: FolderBrowserOptions): FolderBrowser {
  const crumbs = document.createElement("nav");
  crumbs.className = "flw-crumbs";
  crumbs.setAttribute("aria-label", "folders above");
  const list = h("ul", { class: "flw-folders", role: "list", "aria-label": "folders" });
  const empty = h("p", { class: "flw-empty" });
  const problem = h("p", { class: "flw-failed-words", role: "status", "aria-live": "polite" });
  const suggestions = document.createElement("datalist");
  suggestions.id = `flw-suggestions-${++count}`;
  const field = document.createElement("input");
  field.type = "text";
  field.className = "flw-typed flw-path";
  field.spellcheck = false;
  field.autocomplete = "off";
  field.placeholder = "Path…";
  field.setAttribute("aria-label", "path of a job folder, or of a folder to look in");
  field.setAttribute("list", suggestions.id);
  const openButton = h("button", { class: "flw-button", type: "button" }, "Open");
  const element = h(
    "div",
    { class: "flw-browser" },
    crumbs,
    list,
    empty,
    problem,
    h("div", { class: "flw-typing" }, field, suggestions, openButton),
  );

  /** The buttons of the folders: one stop for the Tab key, with arrow keys inside. */
  let items: HTMLButtonElement[] = [];
  let parent: number | undefined;
  let isNavigating = false;

  const submit = (): void => {
    if (field.value.trim()) {
      isNavigating = true;
      openPath(field.value);
    }
  };
  openButton.addEventListener("click", submit);
  element.addEventListener("keydown", (event) => {
    // Keys pressed here must not reach the notebook, which has shortcuts of its own.
    event.stopPropagation();
    if (event.target === field) {
      if (event.key === "Enter") submit();
      return;
    }
    const at = items.findIndex((item) => item === event.target);
    if (at < 0) return;
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) moveFocus(Math.min(items.length - 1, Math.max(0, to)));
    else if ((event.key === "ArrowLeft" || event.key === "Backspace") && parent !== undefined) goTo(parent);
    else if (event.key === "ArrowRight") items[at]?.click();
    else return;
    event.preventDefault();
  });

  function goTo(id: number): void {
    isNavigating = true;
    go(id);
  }

  function moveFocus(to: number): void {
    items.forEach((item, index) => (item.tabIndex = index === to ? 0 : -1));
    items[to]?.focus();
  }

  const draw = whenChanged((place: FolderContents) => {
    const hadFocus = element.contains((element.getRootNode() as Document | ShadowRoot).activeElement);
    parent = place.crumbs.at(-2)?.id;
    crumbs.replaceChildren(
      ...place.crumbs.flatMap((crumb, index) => {
        const here = index === place.crumbs.length - 1;
        const part = here
          ? h("strong", { class: "flw-here" }, crumb.name)
          : h("button", { class: "flw-crumb", type: "button" }, crumb.name);
        if (!here) part.addEventListener("click", () => goTo(crumb.id));
        // The root already is a slash.
        return here || crumb.name === "/" ? [part] : [part, h("span", { "aria-hidden": "true" }, "/")];
      }),
    );
    items = place.folders.map((folder) => {
      const item = createFolderButton(folder);
      item.addEventListener("click", () => goTo(folder.id));
      return item;
    });
    items.forEach((item, index) => (item.tabIndex = index === 0 ? 0 : -1));
    list.replaceChildren(...items.map((item) => h("li", {}, item)));
    if (place.hiddenCount) list.append(h("li", { class: "flw-empty" }, `and ${place.hiddenCount} more: type the path`));
    suggestions.replaceChildren(
      ...place.folders.map((folder) => {
        const option = document.createElement("option");
        option.value = folder.name;
        return option;
      }),
    );
    setVisible(list, place.folders.length > 0);
    setVisible(empty, place.folders.length === 0 && !place.problem);
    setText(empty, "No folders here.");
    setText(problem, place.problem);
    setVisible(problem, place.problem !== "");
    if (!place.problem) field.value = "";
    // Keep keyboard focus in the list after navigation.
    if (hadFocus && isNavigating && !place.problem) focus();
    isNavigating = false;
  });

  function focus(): void {
    (items[0] ?? field).focus({ preventScroll: true });
  }

  return { element, draw, focus };
}

function createFolderButton(folder: Folder): HTMLButtonElement {
  const badge = folder.isJob ? h("span", { class: "flw-badge" }, "job") : "";
  const glyph = h("span", { class: "flw-folder-glyph", "aria-hidden": "true" }, folder.isJob ? "■" : "▸");
  return h(
    "button",
    { class: folder.isJob ? "flw-folder flw-folder-job" : "flw-folder", type: "button" },
    glyph,
    h("span", { class: "flw-folder-name" }, folder.name),
    badge,
  );
}
