/** Number formatting, by the same rules as `number` in flare_widgets/formatting/text.py. */

/** Format a metric's value in a few characters: `0.607`, `12346`, `1.2e-07`. */
export function formatValue(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e3)) return value.toFixed(3);
  return size >= 1e3 && size < 1e7 ? value.toFixed(0) : formatExponent(value, 2);
}

/** Format an axis tick without trailing zeros: `0.6`, `20`, `1e+09`. */
export function formatTick(value: number, digits = 4): string {
  const size = Math.abs(value);
  return size !== 0 && (size < 1e-3 || size >= 1e6)
    ? formatExponent(value, digits - 2)
    : String(Number(value.toPrecision(digits)));
}

/** Format the ticks of one axis with as many digits as it takes to tell them apart. */
export function formatTicks(values: readonly number[]): string[] {
  let labels: string[] = [];
  for (let digits = 4; digits <= 12; digits++) {
    labels = values.map((value) => formatTick(value, digits));
    if (new Set(labels).size === labels.length) break;
  }
  return labels;
}

/** Format as Python's `.2g`: no trailing zeros, and an exponent of at least two digits. */
function formatExponent(value: number, digits: number): string {
  const rounded = Number(value.toPrecision(digits));
  if (Math.abs(rounded) >= 1e-4 && Math.abs(rounded) < 1) return String(rounded);
  const [head = "", tail = "+0"] = value.toExponential(digits - 1).split("e");
  return `${Number(head)}e${tail[0]}${tail.slice(1).padStart(2, "0")}`;
}
