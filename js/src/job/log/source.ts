/** Polls the kernel for a log while it is visible: see flare_widgets/views/job/log.py. */
import { type Batch, LogBuffer, readBatch } from "./buffer";

export interface LogRequest {
  readonly kind: "log";
  readonly target: string;
  readonly since: number;
  readonly epoch: number;
}

export interface LogSourceOptions {
  readonly send: (request: LogRequest) => void;
  /** Called when lines have arrived, or when the kernel does not answer (`isUnanswered`). */
  readonly onChange: () => void;
}

/** Time between an answer and the next request. */
const POLL_INTERVAL_MS = 1000;
/** The same while there are more lines: the kernel sends at most 20 messages a second. */
const CATCH_UP_INTERVAL_MS = 55;
/** Time without an answer after which a request is repeated: the kernel may be busy or gone. */
const TIMEOUT_MS = 5000;

export class LogSource {
  readonly buffer = new LogBuffer();
  /** The last answer; null before the first. */
  latest: Batch | null = null;
  /** The kernel has not answered in time. */
  isUnanswered = false;
  #target = "";
  #isVisible = false;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly options: LogSourceOptions) {}

  get target(): string {
    return this.#target;
  }

  /** Switch to the log of another target. */
  selectTarget(target: string): void {
    if (target === this.#target) return;
    this.#target = target;
    this.latest = null;
    this.isUnanswered = false;
    this.buffer.reset();
    this.#schedule(0);
    this.options.onChange();
  }

  /** Start or stop polling. */
  setVisible(looking: boolean): void {
    if (looking === this.#isVisible) return;
    this.#isVisible = looking;
    if (looking) this.#schedule(0);
    else clearTimeout(this.#timer);
  }

  /** Request again a log that had ended or could not be read. */
  retry(): void {
    this.#schedule(0);
  }

  /** Handle a message from the kernel, if it is about this log. */
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
