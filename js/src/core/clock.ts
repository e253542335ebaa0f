import type { TypedModel } from "./anywidget-model";

/** The trait that says when the kernel last sent something; every live view has it. */
export interface ClockTraits {
  readonly sent_at: number | null;
}

/** The browser's clock, in seconds since the epoch. */
export const browserNow = (): number => Date.now() / 1000;

/**
 * The kernel's clock, as well as a browser can know it.
 *
 * Ages and run times are counted against the clock of the machine the kernel runs on, and that may be another
 * machine than the reader's. Every message says when it was sent. A message cannot arrive before it was sent, so
 * `arrival - sent` is the difference of the clocks plus the time under way, and the smallest one seen is the best
 * estimate. Only the latest samples count: a clock that is set during the day must not be wrong for ever.
 */
export class KernelClock {
  static readonly MAX_SAMPLES = 20;
  readonly #now: () => number;
  readonly #offsets: number[] = [];
  #fallbackOffset = 0;

  /** @param now the browser's clock, in seconds since the epoch */
  constructor(now: () => number = browserNow) {
    this.#now = now;
  }

  /**
   * Take a time the kernel wrote an unknown while ago (a view that is opened late finds such a one).
   * It may be hours old, so it proves only this much: the kernel's clock is not behind it.
   */
  setLowerBound(sentAt: unknown): void {
    if (isTime(sentAt)) this.#fallbackOffset = Math.min(0, this.#now() - sentAt);
  }

  /** Take the time of a message that arrives right now. */
  addSample(sentAt: unknown): void {
    if (!isTime(sentAt)) return;
    this.#offsets.push(this.#now() - sentAt);
    if (this.#offsets.length > KernelClock.MAX_SAMPLES) this.#offsets.shift();
  }

  /** Follow the times in what a model's kernel sends; the returned function ends that. */
  follow(model: TypedModel<ClockTraits>): () => void {
    this.setLowerBound(model.get("sent_at"));
    const stop = [
      model.onChange(["sent_at"], () => this.addSample(model.get("sent_at"))),
      model.onMessage((message) => {
        const { kind, now } = (message ?? {}) as { kind?: unknown; now?: unknown };
        if (kind === "clock") this.addSample(now);
      }),
    ];
    return () => stop.forEach((undo) => undo());
  }

  /** What the kernel's clock shows now. */
  now(): number {
    return this.#now() - (this.#offsets.length ? Math.min(...this.#offsets) : this.#fallbackOffset);
  }
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}
