/**
 * The outputs of the notebook that a view is in. After a reload of the page JupyterLab no longer knows which output the
 * kernel means when it renews a static form (see static-form.ts): the view then asks for the form, and puts it there
 * itself. So the file keeps up.
 */
import { listen, type Model, send } from "./anywidget-model";
import { readStaticId } from "./static-form";
import { asNumber, asRecord } from "./validate";

/** Time that JupyterLab has to renew the form itself, once the view knows that there is a new one. */
export const HOST_DELAY_MS = 1000;

/** The outputs of a cell, as JupyterLab and Notebook have them. */
interface OutputArea {
  readonly length: number;
  get(index: number): { toJSON(): unknown };
  set(index: number, output: unknown): void;
}

interface KeptForm {
  readonly area: OutputArea;
  readonly index: number;
  readonly output: Readonly<Record<string, unknown>>;
  readonly renewal: number;
}

/** Renew the static form of a model in its notebook where JupyterLab does not; the returned function stops it. */
export function keepStaticForm(model: Model): () => void {
  const id = readStaticId(model);
  if (!id) return () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;

  function checkSoon(): void {
    timer ??= setTimeout(() => {
      timer = undefined;
      const latest = asNumber(model.get("renewal")) ?? 0;
      if (findForms(model, id).some(({ renewal }) => renewal < latest)) send(model, { kind: "static_form" });
    }, HOST_DELAY_MS);
  }

  function receive(message: unknown): void {
    const { kind, data, renewal } = asRecord(message);
    if (kind !== "static_form" || typeof renewal !== "number") return;
    for (const form of findForms(model, id)) {
      if (form.renewal < renewal) form.area.set(form.index, { ...form.output, data: asRecord(data) });
    }
  }

  const stop = [listen(model, ["change:renewal"], checkSoon), listen(model, ["msg:custom"], receive)];
  checkSoon();
  return () => {
    clearTimeout(timer);
    stop.forEach((undo) => undo());
  };
}

/** Find the static forms of a view in its notebook; none in a host that does not give its notebook away. */
function findForms(model: Model, id: string): KeptForm[] {
  const mark = `<style class="flw-kept-${id}" data-renewal="`;
  try {
    return outputAreas(model).flatMap((area) =>
      Array.from({ length: area.length }, (_, index) => ({ area, index, output: asRecord(area.get(index).toJSON()) }))
        .map((found) => ({ ...found, html: htmlOf(found.output) }))
        .filter(({ html }) => html.startsWith(mark))
        .map(({ html, ...found }) => ({ ...found, renewal: Number.parseInt(html.slice(mark.length), 10) || 0 })),
    );
  } catch (error) {
    console.debug("flare-widgets: the notebook cannot be read", error);
    return [];
  }
}

function outputAreas(model: Model): OutputArea[] {
  const { widget_manager: manager } = model as {
    widget_manager?: { context?: { model?: { cells?: Iterable<{ outputs?: OutputArea }> } } };
  };
  return [...(manager?.context?.model?.cells ?? [])].flatMap(({ outputs }) => (outputs ? [outputs] : []));
}

function htmlOf(output: Readonly<Record<string, unknown>>): string {
  const html = asRecord(output["data"])["text/html"];
  return Array.isArray(html) ? html.join("") : String(html ?? "");
}
