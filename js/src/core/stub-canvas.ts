/** A canvas that draws nothing, for tests: happy-dom has none. */
import { vi } from "vitest";

class Path {
  constructor(readonly path?: unknown) {}
  moveTo(): void {}
  lineTo(): void {}
  rect(): void {}
}

/** Replace the real canvas until globals are unstubbed; return the list of calls. */
export function stubCanvas(): [name: string, ...args: unknown[]][] {
  const calls: [name: string, ...args: unknown[]][] = [];
  const context = new Proxy({} as Record<string, unknown>, {
    get: (kept, name: string) =>
      kept[name] ??
      ((...args: unknown[]) => {
        calls.push([name, ...args]);
        return name === "measureText" ? { width: 10 } : undefined;
      }),
  });
  vi.stubGlobal("Path2D", Path);
  vi.spyOn(HTMLCanvasElement.prototype, "getContext").mockReturnValue(context as never);
  return calls;
}
