/**
 * The y scale of a chart, with the same ranges and ticks as in flare_widgets/views/core/svg_chart.py, so that live and
 * saved charts look alike (js/fixtures/ticks.json tests both). It copes with every value that a site can send, however
 * large, small or close to another.
 */

export interface Scale {
  /** Ticks of the axis, ascending. */
  readonly ticks: readonly number[];
  /** Return the height of a value from 0 to 1; null if the scale cannot show it. */
  position(value: number): number | null;
}

const MAX_TICKS = 5;
const MAX_LOG_TICKS = 6;
/** Smallest float that is safe to divide by. */
const MIN_DIVISOR = 1e-300;

/** Create the scale for some values; a logarithmic one cannot show values that are not above 0. */
export function createScale(values: readonly number[], isLogScale: boolean): Scale {
  const fits = (value: number): boolean => Number.isFinite(value) && (!isLogScale || value > 0);
  const found = values.filter(fits);
  const [low, high] = axisRange(found, isLogScale);
  const [bottom, top] = isLogScale ? [Math.log10(low), Math.log10(high)] : [low, high];
  // Halved, since the difference of two floats may overflow.
  const span = top / 2 - bottom / 2;
  return {
    ticks: found.length === 0 ? [] : isLogScale ? logTicks(low, high) : ticks(low, high),
    position(value) {
      if (!fits(value)) return null;
      return span ? ((isLogScale ? Math.log10(value) : value) / 2 - bottom / 2) / span : 0.5;
    },
  };
}

/** Return at most `maxCount` round numbers from `low` to `high`, in steps of 1, 2 or 5 times a power of ten. */
export function ticks(low: number, high: number, maxCount = MAX_TICKS): number[] {
  if (!(low < high)) return [low];
  if (!Number.isFinite(high - low)) return [low, high];
  const power = powerOfTen(Math.floor(Math.log10(Math.max((high - low) / maxCount, MIN_DIVISOR))));
  for (const factor of [1, 2, 5, 10, 20]) {
    const step = factor * power;
    const [first, last] = [Math.ceil(low / step - 1e-9), Math.floor(high / step + 1e-9)];
    if (last - first < maxCount) {
      // A set, since close numbers may be equal once rounded.
      return [...new Set(steps(first, last, 1).map((n) => Number((n * step).toPrecision(12)) + 0))];
    }
  }
  return [low];
}

/** Return at most `maxCount` numbers from `low` to `high`, both above 0: powers of ten, or numbers between them. */
export function logTicks(low: number, high: number, maxCount = MAX_LOG_TICKS): number[] {
  const [first, last] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  const stride = Math.max(1, Math.ceil((last - first) / maxCount));
  const powers = steps(first, last, stride).filter((p) => p > -300 && p < 300);
  for (const factors of stride > 1 ? [[1]] : [[1, 2, 5], [1, 3], [1]]) {
    const found = powers
      .flatMap((p) => factors.map((f) => f * powerOfTen(p)))
      .filter((value) => low <= value && value <= high);
    if (found.length >= 2 && found.length <= maxCount) return found.map((value) => Number(value.toPrecision(6)));
  }
  return ticks(low, high, maxCount).filter((value) => value > 0);
}

/** Return the ends of the axis, a little beyond the values. */
function axisRange(values: readonly number[], isLogScale: boolean): [low: number, high: number] {
  if (!values.length) return [1, 1];
  // Not `Math.min(...values)`: there may be more values than a call takes arguments.
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  if (isLogScale) return low / 1.5 > 0 && Number.isFinite(high * 1.5) ? [low / 1.5, high * 1.5] : [low, high];
  const room = (high - low) * 0.06 || Math.abs(high) * 0.1 || 1;
  return Number.isFinite(high - low) && Number.isFinite(high + room) ? [low - room, high + room] : [low, high];
}

/** Return an exact power of ten; `10 ** p` may be slightly off. */
function powerOfTen(power: number): number {
  return Number(`1e${power}`);
}

function steps(first: number, last: number, step: number): number[] {
  return Array.from({ length: Math.max(0, Math.floor((last - first) / step) + 1) }, (_, n) => first + n * step);
}
