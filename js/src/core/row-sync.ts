/**
 * Rows of a table, kept the same as in the kernel by patches: the other half of flare_widgets/views/feed.py, which
 * tells what the messages are. One feed serves all views of a model in this page.
 */

interface FeedOptions<Row> {
  /** Make a row of what came; the door behind which texts are clean and numbers are numbers. */
  readonly read: (key: string, value: unknown) => Row;
  /** Send the kernel a message. Must not throw. */
  readonly send: (message: { kind: "resync"; feed: string; token: string }) => void;
  readonly name?: string;
}

/** Seconds until the whole is asked for again; a kernel that computes may take long. */
const PATIENCE = [2, 4, 8, 16, 30] as const;
/** Seconds that a patch may come later than the news of it. */
const LATE = 2;
/** The number of the table while none has come as a whole. */
const NONE = -1;
/** Patches kept for after the whole has come; who misses more asks once more. */
const MOST_EARLY = 200;

interface Patch {
  readonly seq: number;
  readonly set: readonly (readonly [string, unknown])[];
  readonly removed: readonly string[];
}

export class Feed<Row> {
  readonly #options: FeedOptions<Row>;
  readonly #name: string;
  readonly #listeners = new Set<() => void>();
  #rows = new Map<string, Row>();
  #seq = NONE;
  #token = "";
  #tried = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #late: ReturnType<typeof setTimeout> | undefined;
  #early: Patch[] = [];
  #whole: { seq: number; next: number; rows: Map<string, Row> } | undefined;
  #known = false;

  constructor(options: FeedOptions<Row>) {
    this.#options = options;
    this.#name = options.name ?? "rows";
  }

  /** The table, in the order in which the rows came. A new map for a new whole; else changed in place. */
  get rows(): ReadonlyMap<string, Row> {
    return this.#rows;
  }

  /** Whether a table has come yet; at first perhaps only its beginning. */
  get known(): boolean {
    return this.#known;
  }

  /** Be told of changes; the returned function ends that. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Ask for the whole table, if it has not been asked for. Call it once the messages are listened to. */
  start(): void {
    if (!this.#known && !this.#token) this.#ask();
  }

  /** Take a message; false when it is not for this feed. */
  receive(message: unknown): boolean {
    const raw = (typeof message === "object" && message !== null ? message : {}) as Record<string, unknown>;
    const seq = raw["seq"];
    if (raw["kind"] !== "rows" || raw["feed"] !== this.#name || typeof seq !== "number") return false;
    if (raw["parts"] === undefined) this.#takePatch({ seq, set: pairs(raw["set"]), removed: texts(raw["removed"]) });
    else if (this.#token && texts(raw["to"]).includes(this.#token)) this.#takePart(seq, raw);
    return true;
  }

  /**
   * The kernel says elsewhere that its table is the one of this number: a last patch that was lost would not be
   * missed otherwise.
   */
  expect(seq: unknown): void {
    clearTimeout(this.#late);
    if (typeof seq !== "number" || seq <= this.#seq) return;
    this.#late = setTimeout(() => {
      if (this.#known && !this.#token && seq > this.#seq) this.#ask();
    }, LATE * 1000);
  }

  dispose(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#late);
    this.#listeners.clear();
  }

  #takePatch(patch: Patch): void {
    if (this.#token) {
      this.#early.push(patch);
      if (this.#early.length > MOST_EARLY) this.#early.shift();
    } else if (this.#known && patch.seq > this.#seq) {
      if (patch.seq === this.#seq + 1) {
        this.#apply(patch);
        this.#tell();
      } else {
        this.#early = [patch];
        this.#ask();
      }
    }
  }

  #takePart(seq: number, raw: Record<string, unknown>): void {
    if (raw["part"] === 0) this.#whole = { seq, next: 0, rows: new Map() };
    const whole = this.#whole;
    if (!whole || whole.seq !== seq || whole.next !== raw["part"]) {
      this.#whole = undefined;
      this.#ask();
      return;
    }
    for (const [key, value] of pairs(raw["set"])) whole.rows.set(key, this.#options.read(key, value));
    whole.next++;
    if (whole.next === raw["parts"]) {
      this.#finish(whole.rows, seq);
      return;
    }
    this.#askAgainLater();
    if (this.#seq === NONE) {
      // The first rows of a long table are worth more than all of them later.
      this.#rows = whole.rows;
      this.#known = true;
      this.#tell();
    }
  }

  #finish(rows: Map<string, Row>, seq: number): void {
    clearTimeout(this.#timer);
    const early = this.#early;
    this.#rows = rows;
    this.#seq = seq;
    this.#known = true;
    this.#token = "";
    this.#tried = 0;
    this.#early = [];
    this.#whole = undefined;
    for (const patch of early) {
      if (this.#token) this.#early.push(patch);
      else if (patch.seq === this.#seq + 1) this.#apply(patch);
      else if (patch.seq > this.#seq) {
        this.#ask();
        this.#early.push(patch);
      }
    }
    this.#tell();
  }

  #apply(patch: Patch): void {
    for (const key of patch.removed) this.#rows.delete(key);
    for (const [key, value] of patch.set) this.#rows.set(key, this.#options.read(key, value));
    this.#seq = patch.seq;
  }

  #ask(): void {
    this.#token = Math.random().toString(36).slice(2) + Date.now().toString(36);
    this.#sendAsk();
  }

  // By the same token as before: whichever question is answered first, that answer is taken.
  #sendAsk(): void {
    this.#options.send({ kind: "resync", feed: this.#name, token: this.#token });
    this.#askAgainLater();
  }

  #askAgainLater(): void {
    clearTimeout(this.#timer);
    const seconds = PATIENCE[Math.min(this.#tried++, PATIENCE.length - 1)] ?? 30;
    this.#timer = setTimeout(() => this.#sendAsk(), seconds * 1000);
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

function pairs(value: unknown): (readonly [string, unknown])[] {
  if (!Array.isArray(value)) return [];
  return value.filter((pair): pair is [string, unknown] => Array.isArray(pair) && typeof pair[0] === "string");
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((text): text is string => typeof text === "string") : [];
}
