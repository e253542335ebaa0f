/** Choices of the reader that later views and pages begin with. Kept by the browser, if it lets a page do so. */

const PREFIX = "flare-widgets:";
const kept = new Map<string, boolean>();

/** Return a choice; the default if none was made. */
export function readPreference(name: string, otherwise: boolean): boolean {
  const known = kept.get(name);
  if (known !== undefined) return known;
  try {
    const stored = localStorage.getItem(PREFIX + name);
    return stored === null ? otherwise : stored === "true";
  } catch {
    return otherwise; // such as in a sandboxed frame
  }
}

/** Keep a choice. */
export function writePreference(name: string, value: boolean): void {
  kept.set(name, value);
  try {
    localStorage.setItem(PREFIX + name, String(value));
  } catch {
    // It is kept for as long as the page is.
  }
}
