/** Asks the kernel for a log, for as long as somebody looks at it: see flare_widgets/views/log.py. */
import { type Batch, LogBuffer, readBatch } from "./buffer";

export interface LogRequest {
  readonly kind: "log";
  readonly target: string;
  readonly since: number;
  readonly epoch: number;
}

export interface LogSourceOptions {
  readonly send: (request: LogRequest) => void;
  /** Something was taken, or the kernel does not answer (`silent`). */
  readonly onChange: () => void;
}

/** Milliseconds between an answer and the next question. */
const POLL_INTERVAL_MS = 1000;
/** The same when there are more lines already: the kernel sends at most 20 messages a second. */
const CATCH_UP_INTERVAL_MS = 55;
/** After so long without an answer the question is asked again: the kernel may be busy, or gone. */
const TIMEOUT_MS = 5000;

export class LogSource {
  readonly buffer = new LogBuffer();
  /** How it stands with the log; null before the first answer. */
  latest: Batch | null = null;
  /** The kernel owes an answer for long. */
  isUnanswered = false;
  #target = "";
  #isVisible = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: LogSourceOptions) {}

  get target(): string {
    return this.#target;
  }

  /** Read another participant's log. */
  selectTarget(target: string): void {
    if (target === this.#target) return;
    this.#target = target;
    this.latest = null;
    this.isUnanswered = false;
    this.buffer.reset();
    this.#schedule(0);
    this.options.onChange();
  }

  /** Whether somebody looks: otherwise nothing is asked for. */
  setVisible(looking: boolean): void {
    if (looking === this.#isVisible) return;
    this.#isVisible = looking;
    if (looking) this.#schedule(0);
    else clearTimeout(this.#timer);
  }

  /** Ask once more about a log that had ended or could not be read. */
  retry(): void {
    this.#schedule(0);
  }

  /** Take a message of the kernel, if it is about this log. */
  handleMessage(message: unknown): void {
    const batch = readBatch(message);
    if (!batch || batch.target !== this.#target) return;
    const before = this.buffer.next;
    const wasAppended = this.buffer.append(batch);
    this.latest = batch;
    this.isUnanswered = false;
    const isBehind = !wasAppended || (batch.more && batch.first + batch.lines.length >= this.buffer.next);
    if (isBehind) this.#schedule(wasAppended && this.buffer.next === before ? POLL_INTERVAL_MS : CATCH_UP_INTERVAL_MS);
    else if (batch.state === "over" || batch.state === "none") clearTimeout(this.#timer);
    else this.#schedule(POLL_INTERVAL_MS);
    this.options.onChange();
  }

  dispose(): void {
    this.setVisible(false);
  }

  #schedule(delay: number): void {
    clearTimeout(this.#timer);
    if (!this.#isVisible || !this.#target) return;
    this.#timer = setTimeout(() => this.#request(), delay);
  }

  #request(): void {
    this.options.send({ kind: "log", target: this.#target, since: this.buffer.next, epoch: this.buffer.epoch });
    this.#timer = setTimeout(() => {
      this.isUnanswered = true;
      this.options.onChange();
      this.#request();
    }, TIMEOUT_MS);
  }
}
