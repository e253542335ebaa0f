/** Selection of jobs by mouse and keyboard, as in a file manager. Holds ids only. */
export class Selection {
  #ids = new Set<string>();
  #anchor: string | undefined;

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  get size(): number {
    return this.#ids.size;
  }

  selectOnly(id: string): void {
    this.#ids = new Set([id]);
    this.#anchor = id;
  }

  toggle(id: string): void {
    if (!this.#ids.delete(id)) this.#ids.add(id);
    this.#anchor = id;
  }

  /** Select everything between the row where the selection began, or else `from`, and this one. */
  extend(shown: readonly string[], to: string, from = to): void {
    const anchor = this.#anchor !== undefined && shown.includes(this.#anchor) ? this.#anchor : from;
    const [a, b] = [shown.indexOf(anchor), shown.indexOf(to)];
    if (a < 0 || b < 0) return;
    this.#ids = new Set(shown.slice(Math.min(a, b), Math.max(a, b) + 1));
    this.#anchor = anchor;
  }

  selectAll(shown: readonly string[]): void {
    this.#ids = new Set(shown);
  }

  clear(): void {
    this.#ids.clear();
    this.#anchor = undefined;
  }
}
