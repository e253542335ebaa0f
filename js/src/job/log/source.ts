/** Asks the kernel for a log, for as long as somebody looks at it: see flare_widgets/views/log.py. */
import { type Batch, LogBuffer, readBatch } from "./buffer";

export interface LogRequest {
  readonly kind: "log";
  readonly target: string;
  readonly since: number;
  readonly epoch: number;
}

export interface LogSourceOptions {
  readonly tell: (request: LogRequest) => void;
  /** Something was taken, or the kernel does not answer (`silent`). */
  readonly changed: () => void;
}

/** Milliseconds between an answer and the next question. */
const PACE = 1000;
/** The same when there are more lines already: the kernel sends at most 20 messages a second. */
const HASTE = 55;
/** After so long without an answer the question is asked again: the kernel may be busy, or gone. */
const PATIENCE = 5000;

export class LogSource {
  readonly buffer = new LogBuffer();
  /** How it stands with the log; null before the first answer. */
  latest: Batch | null = null;
  /** The kernel owes an answer for long. */
  silent = false;
  #target = "";
  #looking = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: LogSourceOptions) {}

  get target(): string {
    return this.#target;
  }

  /** Read another participant's log. */
  choose(target: string): void {
    if (target === this.#target) return;
    this.#target = target;
    this.latest = null;
    this.silent = false;
    this.buffer.reset();
    this.#again(0);
    this.options.changed();
  }

  /** Whether somebody looks: otherwise nothing is asked for. */
  look(looking: boolean): void {
    if (looking === this.#looking) return;
    this.#looking = looking;
    if (looking) this.#again(0);
    else clearTimeout(this.#timer);
  }

  /** Ask once more about a log that had ended or could not be read. */
  retry(): void {
    this.#again(0);
  }

  /** Take a message of the kernel, if it is about this log. */
  take(message: unknown): void {
    const batch = readBatch(message);
    if (!batch || batch.target !== this.#target) return;
    const before = this.buffer.next;
    const joined = this.buffer.take(batch);
    this.latest = batch;
    this.silent = false;
    const behind = !joined || (batch.more && batch.first + batch.lines.length >= this.buffer.next);
    if (behind) this.#again(joined && this.buffer.next === before ? PACE : HASTE);
    else if (batch.state === "over" || batch.state === "none") clearTimeout(this.#timer);
    else this.#again(PACE);
    this.options.changed();
  }

  dispose(): void {
    this.look(false);
  }

  #again(delay: number): void {
    clearTimeout(this.#timer);
    if (!this.#looking || !this.#target) return;
    this.#timer = setTimeout(() => this.#ask(), delay);
  }

  #ask(): void {
    this.options.tell({ kind: "log", target: this.#target, since: this.buffer.next, epoch: this.buffer.epoch });
    this.#timer = setTimeout(() => {
      this.silent = true;
      this.options.changed();
      this.#ask();
    }, PATIENCE);
  }
}
