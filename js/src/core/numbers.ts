/** Number formatting, by the same rules as `number` in flare_widgets/formatting/text.py. */

/** Format a metric's value in a few characters: `0.607`, `12346`, `1.2e-07`. */
export function formatValue(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e3)) return value.toFixed(3);
  return size >= 1e3 && size < 1e7 ? value.toFixed(0) : formatExponent(value, 2);
}

/** Format as Python's `.2g`: no trailing zeros, and an exponent of at least two digits. */
function formatExponent(value: number, digits: number): string {
  const rounded = Number(value.toPrecision(digits));
  if (Math.abs(rounded) >= 1e-4 && Math.abs(rounded) < 1) return String(rounded);
  const [head = "", tail = "+0"] = value.toExponential(digits - 1).split("e");
  return `${Number(head)}e${tail[0]}${tail.slice(1).padStart(2, "0")}`;
}
