// Builds one bundle per view into the Python package: NAME.js and NAME.css for the live widget, and
// NAME-static.css for the HTML that stays in a saved notebook. The output is committed and must not depend on
// the machine or the folder it was built in, so that CI can build again and compare.

import { existsSync } from "node:fs";
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const views = ["compare", "confirm", "faults", "job", "jobs", "results", "session", "submit", "system"];
/** Views that have a static form only. */
const staticViews = ["kit"];
const OUTPUT = new URL("../flare_widgets/views/static/", import.meta.url);
const MANIFEST = "manifest.json";

/** Replace `.flw-view` in shared style sheets by the class of the form that imports them. */
const scopedStyle = {
  name: "scoped-style",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: /base\.css$/ }, ({ importer, resolveDir, path }) => ({
      path: fileURLToPath(new URL(path, `file://${resolveDir}/`)),
      // The suffix makes it a separate module for each form. The class stands twice for static forms, because
      // JupyterLab's rules for HTML outputs are as specific as one class.
      suffix: importer.endsWith("static.css") ? "?.flw-static.flw-static" : "?.flw-live",
    }));
    onLoad({ filter: /base\.css$/ }, async ({ path, suffix }) => ({
      contents: (await readFile(path, "utf8")).replaceAll(".flw-view", suffix.slice(1)),
      loader: "css",
    }));
  },
};

/** Root classes of a live sheet where they differ from its view: the jobs view nests jobs and comparisons. */
const rootsOfSheet = { jobs: ["jobs", "below", "job", "compare"] };

/**
 * Limit a live sheet to its view, since a sheet applies to the whole page and a notebook has several views. `:where`
 * keeps the specificity of the rules.
 */
function bindToView(css, view) {
  const roots = (rootsOfSheet[view] ?? [view]).map((name) => `.flw-${name}`).join(",");
  return css.replaceAll(/\.flw-live(?![\w-])/g, `.flw-live:where(${roots})`);
}

const { outputFiles } = await build({
  absWorkingDir: fileURLToPath(new URL(".", import.meta.url)),
  entryPoints: [
    ...views.flatMap((view) => [
      { in: `src/${view}/index.ts`, out: view },
      { in: `src/${view}/live.css`, out: view },
      ...(existsSync(new URL(`src/${view}/static.css`, import.meta.url))
        ? [{ in: `src/${view}/static.css`, out: `${view}-static` }]
        : []),
    ]),
    ...staticViews.map((view) => ({ in: `src/${view}/static.css`, out: `${view}-static` })),
  ],
  outdir: "../flare_widgets/views/static",
  bundle: true,
  write: false,
  format: "esm",
  // The browsers that anywidget's hosts support: all of them since autumn 2022 have AbortSignal and container queries.
  target: ["es2022", "chrome111", "firefox113", "safari16.4"],
  plugins: [scopedStyle],
  minify: true,
  charset: "utf8",
  legalComments: "none",
  logLevel: "info",
});
const written = outputFiles.map(({ path }) => basename(path)).sort();
for (const { path, text } of outputFiles) {
  const name = basename(path, ".css");
  await writeFile(path, views.includes(name) ? bindToView(text, name) : text);
}
// The Python build refuses a wheel that lacks one of these files, or has another: see hatch_build.py.
await writeFile(new URL(MANIFEST, OUTPUT), `${JSON.stringify({ files: written }, null, 2)}\n`);
for (const name of await readdir(OUTPUT)) {
  if (name !== MANIFEST && !written.includes(name)) await rm(new URL(name, OUTPUT));
}
