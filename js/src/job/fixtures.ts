/** Jobs as the kernel sends them, for tests. Written by js/fixtures/make_fixtures.py. */
import written from "../../fixtures/job.json";

export interface DrawnJob {
  readonly now: number;
  readonly label: string;
  readonly metrics: readonly unknown[];
  readonly tables: readonly unknown[];
  readonly events: unknown;
  readonly view_model: Readonly<Record<string, unknown>>;
}

export function fixture(name: keyof typeof written): DrawnJob {
  return written[name] as unknown as DrawnJob;
}
