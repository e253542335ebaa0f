/**
 * The static form that stands beside a view in a notebook, for whoever opens it without the kernel. Its own style sheet
 * hides it while an element on the page has the class of a drawn view: see flare_widgets/views/core/static_form.py.
 */
import type { Model } from "./anywidget-model";

/** Ids as the kernel makes them: nothing else becomes a class. */
const STATIC_ID = /^[0-9a-z]{1,32}$/u;

/** Return the id of a model's static form; empty if it has none. */
export function readStaticId(model: Model): string {
  const id = model.get("static_id");
  return typeof id === "string" && STATIC_ID.test(id) ? id : "";
}

/** Show an element in place of the static form of a model; the returned function undoes it. */
export function coverStaticForm(model: Model, element: HTMLElement): () => void {
  const id = readStaticId(model);
  if (!id) return () => {};
  const name = `flw-drawn-${id}`;
  element.classList.add(name);
  return () => element.classList.remove(name);
}
