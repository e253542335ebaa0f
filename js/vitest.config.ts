import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    // JupyterLab's packages come from the application in which the extension runs.
    alias: [
      {
        find: /^@(jupyterlab|lumino)\/.*/,
        replacement: "/src/lab/stub-jupyter.ts",
      },
    ],
    environment: "happy-dom",
    // For the test that closed views are released.
    execArgv: ["--expose-gc"],
    include: ["src/**/*.test.ts"],
    restoreMocks: true,
  },
});
