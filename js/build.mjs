// Builds one bundle per view into the Python package: NAME.js and NAME.css for the live widget, and
// NAME-static.css for the HTML that stays in a saved notebook. The output is committed and must not depend on
// the machine or the folder it was built in, so that CI can build again and compare.
import { build } from "esbuild";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

const views = ["compare", "faults", "job", "jobs", "system", "submit", "session"];
/** Views of one moment: they have a static form only. */
const pictures = ["kit"];

/** Bundles style sheets in which `.flw-view` stands for the class that the form's own sheet is written for. */
const scopedStyle = {
  name: "scoped-style",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /look\.css$/ }, ({ importer, resolveDir, path }) => ({
      path: fileURLToPath(new URL(path, `file://${resolveDir}/`)),
      // A suffix makes it another module for each form that imports it.
      // Twice the class, because JupyterLab's rules for HTML outputs are as specific as one.
      suffix: importer.endsWith("static.css") ? "?.flw-static.flw-static" : "?.flw-live",
    }));
    onLoad({ filter: /look\.css$/ }, async ({ path, suffix }) => ({
      contents: (await readFile(path, "utf8")).replaceAll(".flw-view", suffix.slice(1)),
      loader: "css",
    }));
  },
};

await build({
  absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
  entryPoints: [
    ...views.flatMap((view) => [
      { in: `src/${view}/index.ts`, out: view },
      { in: `src/${view}/live.css`, out: view },
      ...(existsSync(new URL(`src/${view}/static.css`, import.meta.url))
        ? [{ in: `src/${view}/static.css`, out: `${view}-static` }]
        : []),
    ]),
    ...pictures.map((picture) => ({ in: `src/${picture}/static.css`, out: `${picture}-static` })),
  ],
  outdir: "../flare_widgets/views/static",
  bundle: true,
  format: "esm",
  // What anywidget's hosts run on: every browser since autumn 2022 has AbortSignal and container queries.
  target: ["es2022", "chrome111", "firefox113", "safari16.4"],
  plugins: [scopedStyle],
  minify: true,
  charset: "utf8",
  legalComments: "none",
  logLevel: "info",
});
