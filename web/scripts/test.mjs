// Bundles the TypeScript tests of sdk/, react/, api/ and app/ for Node, and runs Node's own test runner.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const out = join(web, ".cache", "test");
const wanted = process.argv.slice(2);

function testsIn(folder) {
  const names = readdirSync(join(web, folder)).filter((name) => /\.test\.tsx?$/.test(name));
  return names
    .filter((name) => !wanted.length || wanted.some((part) => name.includes(part)))
    .map((name) => join(folder, name));
}

rmSync(out, { recursive: true, force: true });
const tests = [...testsIn("sdk/test"), ...testsIn("react/test"), ...testsIn("api/test"), ...testsIn("app/test")];
await build({
  absWorkingDir: web,
  entryPoints: tests,
  bundle: true,
  packages: "external",
  alias: { "@roomcast/sdk": join(web, "sdk/src/index.ts") },
  platform: "node",
  format: "esm",
  target: "node20",
  outdir: out,
  outbase: web,
  outExtension: { ".js": ".mjs" },
  sourcemap: "inline",
  jsx: "automatic",
  jsxImportSource: "preact",
});
// Pass the files by name: versions of Node treat a folder in different ways.
const built = tests.map((name) => join(out, name.replace(/\.tsx?$/, ".mjs")));
// Most tests wait for timers, so more test files can run at a time than there are processors.
const options = ["--enable-source-maps", "--test", "--test-concurrency=4"];
const run = spawnSync(process.execPath, [...options, ...built], { stdio: "inherit", cwd: web });
process.exitCode = run.status ?? 1;
