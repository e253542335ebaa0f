/**
 * The kernel's clock, as well as a browser can know it.
 *
 * Ages and run times are counted against the clock of the machine the kernel runs on, and that may be another
 * machine than the reader's. Every message says when it was sent. A message cannot arrive before it was sent, so
 * `arrival - sent` is the difference of the clocks plus the time under way, and the smallest one seen is the best
 * estimate. Only the latest samples count: a clock that is set during the day must not be wrong for ever.
 */
export class KernelClock {
  static readonly WINDOW = 20;
  readonly #now: () => number;
  #offsets: number[] = [];
  #guess = 0;

  /** @param now the browser's clock, in seconds since the epoch */
  constructor(now: () => number = () => Date.now() / 1000) {
    this.#now = now;
  }

  /**
   * Take a time the kernel wrote an unknown while ago (a view that is opened late finds such a one).
   * It may be hours old, so it proves only this much: the kernel's clock is not behind it.
   */
  atLeast(sentAt: unknown): void {
    if (isTime(sentAt)) this.#guess = Math.min(0, this.#now() - sentAt);
  }

  /** Take the time of a message that arrives right now. */
  sample(sentAt: unknown): void {
    if (!isTime(sentAt)) return;
    this.#offsets.push(this.#now() - sentAt);
    if (this.#offsets.length > KernelClock.WINDOW) this.#offsets.shift();
  }

  /** What the kernel's clock shows now. */
  now(): number {
    return this.#now() - (this.#offsets.length ? Math.min(...this.#offsets) : this.#guess);
  }
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}
