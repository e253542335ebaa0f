/** The y scale of a chart, as the kernel sends it: the front-end half of `ValueScale` in flare_widgets/views/core/svg_chart.py. */
import { asNumber, asRecord, asTexts } from "./validate";

export interface Scale {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
  readonly labels: readonly string[];
}

/** Read a scale; null if the kernel sent none. */
export function readScale(value: unknown): Scale | null {
  const raw = asRecord(value);
  const [low, high] = [asNumber(raw["low"]), asNumber(raw["high"])];
  if (low === null || high === null) return null;
  const labels = asTexts(raw["labels"]);
  const ticks = (Array.isArray(raw["ticks"]) ? raw["ticks"] : []).map((tick) => asNumber(tick) ?? low);
  return { low, high, ticks, labels: ticks.map((_, index) => labels[index] ?? "") };
}

/** Return the height of a value from 0 to 1; null if the scale cannot show it. */
export function positionOn(scale: Scale, isLogScale: boolean, value: number): number | null {
  if (!Number.isFinite(value) || (isLogScale && value <= 0)) return null;
  const [bottom, top, at] = isLogScale
    ? [Math.log10(scale.low), Math.log10(scale.high), Math.log10(value)]
    : [scale.low, scale.high, value];
  // Halved, since the difference of two floats may overflow.
  const span = top / 2 - bottom / 2;
  return span ? (at / 2 - bottom / 2) / span : 0.5;
}

/** Return a scale that fits some values, with a little room; null if there are none that it can show. */
export function fitScale(values: readonly number[], isLogScale: boolean): Scale | null {
  const used = isLogScale ? values.filter((value) => value > 0) : values;
  const low = used.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = used.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  if (!Number.isFinite(high - low) || !Number.isFinite(room)) return null;
  const ends = isLogScale ? ([low / 1.1, high * 1.1] as const) : ([low - room, high + room] as const);
  const ticks = isLogScale && high / low >= 20 ? logTicks(...ends) : evenTicks(...ends);
  return { low: ends[0], high: ends[1], ticks, labels: ticks.map((value) => String(Number(value.toPrecision(6)))) };
}

function evenTicks(low: number, high: number): number[] {
  const power = 10 ** Math.floor(Math.log10(high - low) - 1);
  const step =
    [1, 2, 5, 10, 20, 50].map((factor) => factor * power).find((one) => (high - low) / one <= 6) ?? 100 * power;
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step) - first + 1;
  return Array.from({ length: Math.max(0, Math.min(count, 8)) }, (_, n) =>
    Number(((first + n) * step).toPrecision(12)),
  );
}

function logTicks(low: number, high: number): number[] {
  const first = Math.ceil(Math.log10(low));
  const last = Math.floor(Math.log10(high));
  const stride = Math.max(1, Math.ceil((last - first) / 6));
  const found: number[] = [];
  for (let power = first; power <= last; power += stride) found.push(Number(`1e${power}`));
  return found;
}

/**
 * Return the labelled positions of an x axis: whole numbers, of which the first position is one; by the same rules as
 * `position_ticks` in flare_widgets/views/core/svg_chart.py.
 */
export function positionTicks(first: number, last: number, maxCount: number): number[] {
  if (!(first < last)) return [first];
  const step = wholeStep(last - first, maxCount);
  const found: number[] = [];
  for (let n = Math.ceil(first / step); n * step <= last && found.length <= maxCount; n++) found.push(n * step);
  return [first, ...found.filter((value) => value - first >= step / 2)];
}

/** Return the smallest of 1, 2, 5, 10, 20, ... with which a length has at most so many steps. */
function wholeStep(length: number, maxCount: number): number {
  for (let power = 1; ; power *= 10) {
    for (const factor of [1, 2, 5]) if (length / (factor * power) <= maxCount) return factor * power;
  }
}
