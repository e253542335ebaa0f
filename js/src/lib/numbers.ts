/** Numbers as they are shown. The rules are those of `number` in flare_widgets/monitoring/text.py. */

/** A metric's value in a few characters: `0.607`, `12346`, `1.2e-07`. */
export function shown(value: number): string {
  const size = Math.abs(value);
  if (size === 0 || (size >= 1e-3 && size < 1e3)) return value.toFixed(3);
  return size >= 1e3 && size < 1e7 ? value.toFixed(0) : exponent(value, 2);
}

/** A number at an axis, without the zeros that say nothing: `0.6`, `20`, `1e+9`. */
export function tick(value: number): string {
  const size = Math.abs(value);
  const rounded = Number(value.toPrecision(4));
  return size !== 0 && (size < 1e-3 || size >= 1e6) ? exponent(rounded, 2) : String(rounded);
}

/** As Python's `.2g` writes it: no zeros behind the point that say nothing, an exponent of two digits. */
function exponent(value: number, digits: number): string {
  const [head = "", tail = "+0"] = value.toExponential(digits - 1).split("e");
  return `${Number(head)}e${tail[0]}${tail.slice(1).padStart(2, "0")}`;
}
