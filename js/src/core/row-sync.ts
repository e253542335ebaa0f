/**
 * Rows of a table, synchronized with the kernel by patches: the front-end half of flare_widgets/views/core/row_sync.py,
 * which documents the messages. One instance serves all views of a model in this page.
 */

interface RowSyncOptions<Row> {
  /** Validate a received value and make a row of it. */
  readonly parseRow: (key: string, value: unknown) => Row;
  /** Send the kernel a message. Must not throw. */
  readonly send: (message: { kind: "resync"; feed: string; token: string }) => void;
  readonly name?: string;
}

/** Delays between requests for the whole table; a busy kernel may take long. */
const RETRY_DELAYS_S = [2, 4, 8, 16, 30] as const;
/** Time that a patch may arrive after its sequence number. */
const PATCH_TIMEOUT_S = 2;
/** Sequence number before the first complete table. */
const NO_SEQUENCE = -1;
/** Patches kept while the whole table is under way; if more are missed, the table is requested again. */
const MAX_PENDING_PATCHES = 200;

interface Patch {
  readonly seq: number;
  readonly set: readonly (readonly [string, unknown])[];
  readonly removed: readonly string[];
  readonly total: unknown;
}

export class RowSync<Row> {
  readonly #options: RowSyncOptions<Row>;
  readonly #name: string;
  readonly #listeners = new Set<() => void>();
  #rows = new Map<string, Row>();
  #total = 0;
  #seq = NO_SEQUENCE;
  #requestToken = "";
  #attempts = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #patchTimer: ReturnType<typeof setTimeout> | undefined;
  #pendingPatches: Patch[] = [];
  #partialTable: { seq: number; next: number; rows: Map<string, Row> } | undefined;
  #isKnown = false;

  constructor(options: RowSyncOptions<Row>) {
    this.#options = options;
    this.#name = options.name ?? "rows";
  }

  /** The table in order of arrival. A complete table replaces the map; patches change it in place. */
  get rows(): ReadonlyMap<string, Row> {
    return this.#rows;
  }

  /** True once a table, or at least its first part, has arrived. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Number of rows that are still under way. */
  get missing(): number {
    return Math.max(0, this.#total - this.#rows.size);
  }

  /** Call a listener on changes; the returned function stops it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Request the whole table unless that has been done. Call it once `handleMessage` receives the messages. */
  start(): void {
    if (!this.#isKnown && !this.#requestToken) this.#requestTable();
  }

  /** Handle a message; return false if it is not for this table. */
  handleMessage(message: unknown): boolean {
    const raw = (typeof message === "object" && message !== null ? message : {}) as Record<string, unknown>;
    const seq = raw["seq"];
    if (raw["kind"] !== "rows" || raw["feed"] !== this.#name || typeof seq !== "number") return false;
    if (raw["part"] === undefined)
      this.#handlePatch({ seq, set: keyedRows(raw["set"]), removed: strings(raw["removed"]), total: raw["total"] });
    else if (this.#requestToken && strings(raw["to"]).includes(this.#requestToken)) this.#handlePart(seq, raw);
    return true;
  }

  /**
   * Note the sequence number that the kernel has announced in a trait, to notice that the last patch was lost.
   */
  expect(seq: unknown): void {
    clearTimeout(this.#patchTimer);
    if (typeof seq !== "number" || seq <= this.#seq) return;
    this.#patchTimer = setTimeout(() => {
      if (this.#isKnown && !this.#requestToken && seq > this.#seq) this.#requestTable();
    }, PATCH_TIMEOUT_S * 1000);
  }

  dispose(): void {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#patchTimer);
    this.#listeners.clear();
  }

  #handlePatch(patch: Patch): void {
    if (this.#requestToken) {
      this.#pendingPatches.push(patch);
      if (this.#pendingPatches.length > MAX_PENDING_PATCHES) this.#pendingPatches.shift();
    } else if (this.#isKnown && patch.seq > this.#seq) {
      if (patch.seq === this.#seq + 1) {
        this.#apply(patch);
        this.#notify();
      } else {
        this.#pendingPatches = [patch];
        this.#requestTable();
      }
    }
  }

  #handlePart(seq: number, raw: Record<string, unknown>): void {
    if (raw["part"] === 0) this.#partialTable = { seq, next: 0, rows: new Map() };
    const whole = this.#partialTable;
    if (!whole || whole.seq !== seq || whole.next !== raw["part"]) {
      this.#partialTable = undefined;
      this.#requestTable();
      return;
    }
    for (const [key, value] of keyedRows(raw["set"])) whole.rows.set(key, this.#options.parseRow(key, value));
    whole.next++;
    if (raw["last"] === true) {
      this.#finish(whole.rows, seq);
      return;
    }
    this.#scheduleRetry();
    if (this.#seq === NO_SEQUENCE) {
      // Show the first rows of a long table without waiting for the rest.
      this.#rows = whole.rows;
      this.#noteTotal(raw["total"]);
      this.#isKnown = true;
      this.#notify();
    }
  }

  #finish(rows: Map<string, Row>, seq: number): void {
    clearTimeout(this.#retryTimer);
    const early = this.#pendingPatches;
    this.#rows = rows;
    this.#total = rows.size;
    this.#seq = seq;
    this.#isKnown = true;
    this.#requestToken = "";
    this.#attempts = 0;
    this.#pendingPatches = [];
    this.#partialTable = undefined;
    for (const patch of early) {
      if (this.#requestToken) this.#pendingPatches.push(patch);
      else if (patch.seq === this.#seq + 1) this.#apply(patch);
      else if (patch.seq > this.#seq) {
        this.#requestTable();
        this.#pendingPatches.push(patch);
      }
    }
    this.#notify();
  }

  #apply(patch: Patch): void {
    for (const key of patch.removed) this.#rows.delete(key);
    for (const [key, value] of patch.set) this.#rows.set(key, this.#options.parseRow(key, value));
    this.#noteTotal(patch.total);
    this.#seq = patch.seq;
  }

  #noteTotal(total: unknown): void {
    this.#total = typeof total === "number" ? total : this.#rows.size;
  }

  #requestTable(): void {
    this.#requestToken = Math.random().toString(36).slice(2) + Date.now().toString(36);
    this.#sendRequest();
  }

  // Repeat the token: the first answer to any of the requests is used.
  #sendRequest(): void {
    this.#options.send({ kind: "resync", feed: this.#name, token: this.#requestToken });
    this.#scheduleRetry();
  }

  #scheduleRetry(): void {
    clearTimeout(this.#retryTimer);
    const seconds = RETRY_DELAYS_S[Math.min(this.#attempts++, RETRY_DELAYS_S.length - 1)] ?? 30;
    this.#retryTimer = setTimeout(() => this.#sendRequest(), seconds * 1000);
  }

  #notify(): void {
    for (const listener of this.#listeners) listener();
  }
}

function keyedRows(value: unknown): (readonly [string, unknown])[] {
  if (!Array.isArray(value)) return [];
  return value.filter((pair): pair is [string, unknown] => Array.isArray(pair) && typeof pair[0] === "string");
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((text): text is string => typeof text === "string") : [];
}
