/**
 * Changes between two JSON values: the front-end half of flare_widgets/views/core/patches.py, which documents them.
 * What has not changed stays the same object, so whoever draws it sees that by a glance.
 */
import { listen, type Model, send } from "./anywidget-model";
import { asNumber, asRecord } from "./validate";

/** Time between two requests for all that a page has missed; a busy kernel may take long. */
const REQUEST_INTERVAL_MS = 2000;

/** Return the value that a patch makes of another one, which stays as it is. */
export function applyPatch(before: unknown, patch: unknown): unknown {
  const change = asRecord(patch);
  if ("set" in change) return change["set"];
  if ("keys" in change) return Array.isArray(before) ? applyToPlaces(before, change) : applyToMap(before, change);
  if ("text" in change) return applyToText(before, change["text"]);
  if ("more" in change) return [...asList(before), ...asList(change["more"])];
  if ("items" in change) return asList(change["items"]).flatMap((part) => itemsOf(asList(before), part));
  throw new Error("not a patch");
}

function applyToMap(before: unknown, change: Readonly<Record<string, unknown>>): unknown {
  const kept = Object.entries(asRecord(before));
  const gone = new Set(asList(change["gone"] ?? []));
  const values = new Map(kept.filter(([name]) => !gone.has(name)));
  for (const [name, patch] of Object.entries(asRecord(change["keys"])))
    values.set(name, applyPatch(values.get(name), patch));
  return Object.fromEntries(values);
}

function applyToPlaces(before: readonly unknown[], change: Readonly<Record<string, unknown>>): unknown[] {
  const after = [...before];
  for (const [places, patch] of Object.entries(asRecord(change["keys"])))
    for (const place of places.split(",").map(Number)) {
      if (!(place < before.length)) throw new Error("the list is shorter");
      after[place] = applyPatch(before[place], patch);
    }
  return after;
}

function applyToText(before: unknown, change: unknown): string {
  const [start, stop, words] = asList(change);
  if (typeof before !== "string" || typeof start !== "number" || typeof stop !== "number" || stop > before.length)
    throw new Error("not that text");
  return before.slice(0, start) + String(words) + before.slice(stop);
}

function itemsOf(before: readonly unknown[], part: unknown): readonly unknown[] {
  if (Array.isArray(part)) {
    const [start, stop] = part as [number, number];
    if (!(start >= 0 && stop <= before.length)) throw new Error("the list is shorter");
    return before.slice(start, stop);
  }
  const { add, at, patch } = asRecord(part);
  if (add !== undefined) return asList(add);
  if (typeof at !== "number" || !(at in before)) throw new Error("the list is shorter");
  return [applyPatch(before[at], patch)];
}

function asList(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) throw new Error("not a list");
  return value;
}

/**
 * Keep the traits of a model up to date by the patches that the kernel sends; the returned function stops it. One call
 * serves all views of a model in this page.
 */
export function followPatches(model: Model): () => void {
  let requestTimer: ReturnType<typeof setTimeout> | undefined;

  function receive(): void {
    const { seq, changes } = asRecord(model.get("patch"));
    const revision = asNumber(model.get("revision")) ?? 0;
    const isNext = seq === revision + 1;
    if (typeof seq !== "number" || seq <= revision) stopAsking();
    else if (!isNext || !take(seq, asRecord(changes))) requestWhole();
  }

  /** Set the traits after a patch; return false if they are not those that it was made for. */
  function take(seq: number, changes: Readonly<Record<string, unknown>>): boolean {
    let traits: (readonly [string, unknown])[];
    try {
      traits = Object.entries(changes).map(([name, patch]) => [name, applyPatch(model.get(name), patch)] as const);
    } catch (error) {
      console.debug("flare-widgets: a patch does not fit", error);
      return false;
    }
    model.set("revision", seq);
    for (const [name, value] of traits) model.set(name, value);
    return true;
  }

  function requestWhole(): void {
    if (requestTimer !== undefined) return;
    send(model, { kind: "resync", feed: "traits" });
    requestTimer = setTimeout(() => {
      requestTimer = undefined;
      receive();
    }, REQUEST_INTERVAL_MS);
  }

  function stopAsking(): void {
    clearTimeout(requestTimer);
    requestTimer = undefined;
  }

  const stop = listen(model, ["change:patch", "change:revision"], receive);
  receive();
  return () => {
    stop();
    stopAsking();
  };
}
