import type { TypedModel } from "./anywidget-model";

/** The trait that says when the kernel last sent something; every live view has it. */
export interface ClockTraits {
  readonly sent_at: number | null;
}

/** The browser's clock, in seconds since the epoch. */
export const browserNow = (): number => Date.now() / 1000;

/**
 * An estimate of the kernel's clock.
 *
 * Ages and run times are counted against the clock of the machine the kernel runs on, and that may be another
 * machine than the reader's. Every message says when it was sent. A message cannot arrive before it was sent, so
 * `arrival - sent` is the difference of the clocks plus the latency, and its minimum is the best estimate. Only the
 * latest samples count, so that the estimate recovers when a clock is set.
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
   * Use a time that the kernel sent at an unknown moment in the past, as a view that is opened late finds it.
   * It may be hours old, and proves only that the kernel's clock is not behind it.
   */
  setLowerBound(sentAt: unknown): void {
    if (isTime(sentAt)) this.#fallbackOffset = Math.min(0, this.#now() - sentAt);
  }

  /** Use the time of a message that has just arrived. */
  addSample(sentAt: unknown): void {
    if (!isTime(sentAt)) return;
    this.#offsets.push(this.#now() - sentAt);
    if (this.#offsets.length > KernelClock.MAX_SAMPLES) this.#offsets.shift();
  }

  /** Use the times of the messages that a model receives; the returned function stops it. */
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

  /** Return the present time of the kernel's clock. */
  now(): number {
    return this.#now() - (this.#offsets.length ? Math.min(...this.#offsets) : this.#fallbackOffset);
  }
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value > 0;
}
