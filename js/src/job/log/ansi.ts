/**
 * Parser of log lines with terminal codes, into runs of styled text. Colours and weight (SGR) are kept; all other codes
 * are removed. Produces no markup.
 */
import { sanitize } from "../../core/text";

export interface StyledRun {
  readonly text: string;
  /** Class names of the style, `flw-ansi-1 flw-ansi-bold`; empty for none. */
  readonly style: string;
}

/** Longest part of a line that is drawn. */
const MAX_CHARS = 4000;

// A control sequence (such as SGR), an operating system command or another escape; or a truncated one.
const ESCAPE_SEQUENCE =
  /\u001b(?:\[([0-?]*)([ -/]*[@-~])?|\][^\u0007\u001b]*(?:\u0007|\u001b\\)?|[PX^_][^\u001b]*(?:\u001b\\)?|[ -/]*[0-~]?)/g;
const TAB = /\t/g;

/** Return the text of a line without terminal codes. */
export function stripCodes(line: string): string {
  return sanitizeLine(line.includes("\u001b") ? line.replace(ESCAPE_SEQUENCE, "") : line);
}

/** Return the styled runs of a line, whose texts together are `stripCodes(line)`. */
export function parseRuns(line: string): StyledRun[] {
  if (!line.includes("\u001b")) return [{ text: sanitizeLine(line), style: "" }];
  const found: StyledRun[] = [];
  const style = new SgrState();
  let at = 0;
  const add = (text: string): void => {
    if (text) found.push({ text: sanitizeLine(text), style: style.classNames() });
  };
  for (const match of line.matchAll(ESCAPE_SEQUENCE)) {
    add(line.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === "m" && /^[0-9;:]*$/.test(match[1] ?? "")) style.apply(match[1] ?? "");
  }
  add(line.slice(at));
  return found.length ? found : [{ text: "", style: "" }];
}

function sanitizeLine(text: string): string {
  return sanitize(text.replace(TAB, "    "), MAX_CHARS);
}

/** The style that the codes so far have set. Backgrounds are left to the theme. */
class SgrState {
  #colour = -1;
  readonly #attributes = new Set<string>();

  apply(codes: string): void {
    const numbers = codes.split(/[;:]/).map(Number);
    for (let i = 0; i < numbers.length; i++) {
      const code = numbers[i] ?? 0;
      if (code === 0) {
        this.#colour = -1;
        this.#attributes.clear();
      } else if (code === 38 || code === 48) {
        // One of 256 colours, the first of which are the standard ones; or an RGB colour, which no theme has.
        const indexed = numbers[i + 1] === 5;
        const colour = indexed ? (numbers[i + 2] ?? -1) : -1;
        if (code === 38) this.#colour = colour >= 0 && colour < 16 ? colour % 8 : -1;
        i += indexed ? 2 : 4;
      } else if (code >= 30 && code <= 37) this.#colour = code - 30;
      else if (code >= 90 && code <= 97) this.#colour = code - 90;
      else if (code === 39) this.#colour = -1;
      else if (code === 1) this.#attributes.add("bold");
      else if (code === 3) this.#attributes.add("italic");
      else if (code === 4) this.#attributes.add("underline");
      else if (code === 22) this.#attributes.delete("bold");
      else if (code === 23) this.#attributes.delete("italic");
      else if (code === 24) this.#attributes.delete("underline");
    }
  }

  classNames(): string {
    const names = [...this.#attributes].map((name) => `flw-ansi-${name}`);
    if (this.#colour >= 0) names.unshift(`flw-ansi-${this.#colour}`);
    return names.join(" ");
  }
}
