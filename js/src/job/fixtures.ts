/** Jobs that both halves of the view must draw alike, for tests. Written by js/fixtures/make_job.py. */
import cases from "../../fixtures/job.json";
import { type JobSnapshot, readSnapshot } from "./snapshot";

export interface Case {
  readonly now: number;
  readonly snapshot: Readonly<Record<string, unknown>>;
  readonly picture: Readonly<Record<string, unknown>>;
  readonly metrics: readonly unknown[];
  readonly facts: readonly string[];
  readonly text: string;
  readonly tone: string;
  readonly steps: readonly {
    readonly label: string;
    readonly place: string;
    readonly at: number | null;
    readonly exact: boolean;
  }[];
}

export const CASES = cases as unknown as Readonly<Record<string, Case>>;

export function fixture(name: string): Case {
  const found = CASES[name];
  if (!found) throw new Error(`no case ${name} in job.json`);
  return found;
}

export function jobOf(name: string): JobSnapshot {
  return readSnapshot(fixture(name).snapshot);
}
