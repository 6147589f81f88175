// Bundles the page into dist/: index.html and assets whose names contain a hash of their content.
import { context, build } from "esbuild";
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(web, "dist");
const watch = process.argv.includes("--watch");

const options = {
  absWorkingDir: web,
  entryPoints: { app: "app/src/main.tsx" },
  bundle: true,
  format: "esm",
  target: ["es2022", "chrome100", "firefox100", "safari15.4"],
  outdir: join(dist, "assets"),
  entryNames: "[name]-[hash]",
  minify: !watch,
  sourcemap: watch ? "linked" : false,
  legalComments: "eof",
  metafile: true,
  jsx: "automatic",
  jsxImportSource: "preact",
  alias: { "@roomcast/sdk": join(web, "sdk/src/index.ts") },
  define: { "process.env.NODE_ENV": '"production"' },
  plugins: [{ name: "page", setup: (run) => run.onEnd(writePage) }],
};

async function writePage(result) {
  if (!result.metafile) return;
  const outputs = Object.entries(result.metafile.outputs);
  const [script, entry] = outputs.find(([, output]) => output.entryPoint === "app/src/main.tsx");
  const template = await readFile(join(web, "app/index.html"), "utf8");
  const url = (path) => relative(dist, join(web, path));
  const page = template.replace("%SCRIPT%", url(script)).replace("%STYLE%", url(entry.cssBundle));
  await cp(join(web, "app/static"), dist, { recursive: true });
  await writeFile(join(dist, "index.html"), page);
}

await rm(dist, { recursive: true, force: true });
await mkdir(dist, { recursive: true });
if (watch) await (await context(options)).watch();
else await build(options);
