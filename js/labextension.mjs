// Builds the JupyterLab extension into flare_widgets/labextension: one container, in the form that JupyterLab loads,
// which takes JupyterLab's own packages from the application. The views are not in it: they are imported from the
// bundles of build.mjs. Like those, the output is committed and must not depend on the machine.

import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const NAME = "flare-widgets";
const HERE = new URL("./", import.meta.url);
const OUTPUT = new URL("../flare_widgets/labextension/", HERE);
const VIEWS = new URL("../flare_widgets/views/static/", HERE);
const SHARED = /^@(?:jupyterlab|lumino)\//;

function hashOf(content, length = 20) {
  return createHash("sha256").update(content).digest("hex").slice(0, length);
}

/** Take a package from the table that the container fills from the application. */
const sharedPackages = {
  name: "shared-packages",
  setup({ onLoad, onResolve }) {
    onResolve({ filter: SHARED }, ({ path }) => ({ path, namespace: "shared" }));
    onLoad({ filter: /.*/, namespace: "shared" }, ({ path }) => ({
      contents: `module.exports = SHARED[${JSON.stringify(path)}];`,
      loader: "js",
    }));
  },
};

/**
 * The container: it has the shape of webpack's module federation, by which JupyterLab loads extensions. A package that
 * the application lacks (Notebook 7 has no launcher) is replaced by one whose tokens nobody provides.
 */
function wrap(code, packages) {
  return `(() => {
const BASE = document.currentScript.src.replace(/[^/]*$/, "");
const SHARED = {};
let scope;
const load = async (name) => {
  const versions = Object.values(scope[name] ?? {});
  const found = versions.find((version) => version.loaded) ?? versions.at(-1);
  if (found) return (await found.get())();
  const { Token } = await load("@lumino/coreutils");
  const tokens = new Proxy({}, { get: (_, member) => typeof member === "string" && new Token(name + ":" + member) });
  // esbuild copies the members of a package that it can list, and keeps its prototype.
  return Object.create(tokens);
};
let loading;
const start = async () => {
  await Promise.all(${JSON.stringify(packages)}.map(async (name) => { SHARED[name] = await load(name); }));
  const module = { exports: {} };
  ((module, exports) => {
${code}
  })(module, module.exports);
  return module.exports;
};
(window._JUPYTERLAB ??= {})[${JSON.stringify(NAME)}] = {
  init: (given) => { scope = given; },
  get: async (part) => {
    if (part !== "./extension") return () => ({});
    const module = await (loading ??= start());
    return () => module;
  },
};
})();
`;
}

async function describeViews() {
  const { files } = JSON.parse(await readFile(new URL("manifest.json", VIEWS), "utf8"));
  const views = {};
  for (const file of files.filter((name) => name.endsWith(".js"))) {
    const view = file.replace(/\.js$/, "");
    const parts = [file, `${view}.css`].filter((name) => files.includes(name));
    const contents = await Promise.all(parts.map((name) => readFile(new URL(name, VIEWS))));
    views[view] = { hash: hashOf(Buffer.concat(contents), 12), hasSheet: parts.length > 1 };
  }
  return views;
}

async function readVersion() {
  const text = await readFile(new URL("../flare_widgets/_version.py", HERE), "utf8");
  return /__version__ = "([^"]+)"/.exec(text)[1];
}

export async function buildLabExtension() {
  const version = await readVersion();
  const css = await build({
    absWorkingDir: fileURLToPath(HERE),
    entryPoints: ["src/lab/lab.css"],
    bundle: true,
    write: false,
    minify: true,
    target: ["chrome111", "firefox113", "safari16.4"],
    logLevel: "warning",
  });
  const { outputFiles, metafile } = await build({
    absWorkingDir: fileURLToPath(HERE),
    entryPoints: ["src/lab/index.ts"],
    bundle: true,
    write: false,
    metafile: true,
    format: "cjs",
    platform: "browser",
    target: ["es2022", "chrome111", "firefox113", "safari16.4"],
    plugins: [sharedPackages],
    loader: { ".svg": "text" },
    define: {
      VERSION: JSON.stringify(version),
      VIEWS: JSON.stringify(await describeViews()),
      SHEET: JSON.stringify(css.outputFiles[0].text),
    },
    minify: true,
    charset: "utf8",
    legalComments: "none",
    logLevel: "info",
  });
  const packages = Object.keys(metafile.inputs)
    .filter((input) => input.startsWith("shared:"))
    .map((input) => input.slice("shared:".length))
    .sort();
  const container = wrap(outputFiles[0].text.trimEnd(), packages);
  const entry = `remoteEntry.${hashOf(container)}.js`;
  const manifest = {
    name: NAME,
    version,
    description: "NVIDIA FLARE in JupyterLab: a sidebar, tabs and a status bar that need no kernel",
    license: "Apache-2.0",
    jupyterlab: { extension: true, outputDir: ".", schemaDir: "schema" },
  };
  const built = {
    ...manifest,
    jupyterlab: {
      ...manifest.jupyterlab,
      _build: { load: `static/${entry}`, extension: "./extension", style: "./style" },
    },
  };
  const files = new Map([
    ["package.json", toJson(built)],
    [`static/${entry}`, container],
    [`schemas/${NAME}/package.json.orig`, toJson(manifest)],
  ]);
  for (const schema of (await readdir(new URL("lab-schema/", HERE))).sort()) {
    files.set(`schemas/${NAME}/${schema}`, await readFile(new URL(`lab-schema/${schema}`, HERE), "utf8"));
  }
  await rm(OUTPUT, { recursive: true, force: true });
  for (const [path, content] of files) {
    const file = new URL(path, OUTPUT);
    await mkdir(new URL("./", file), { recursive: true });
    await writeFile(file, content);
  }
}

function toJson(value) {
  return `${JSON.stringify(value, null, 2)}\n`;
}
