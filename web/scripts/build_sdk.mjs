// Compiles the SDK into sdk/dist/: ES modules and their types, nothing left over from an earlier build.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const dist = join(web, "sdk", "dist");
const tsc = join(web, "node_modules", "typescript", "bin", "tsc");

rmSync(dist, { recursive: true, force: true });
const run = spawnSync(process.execPath, [tsc, "-p", join(web, "sdk", "tsconfig.build.json")], { stdio: "inherit" });
process.exitCode = run.status ?? 1;

// tsc rewrites the imports of modules, but not those of declarations.
for (const name of run.status === 0 ? readdirSync(dist).filter((file) => file.endsWith(".d.ts")) : []) {
  const text = readFileSync(join(dist, name), "utf8");
  writeFileSync(join(dist, name), text.replace(/(from |import\()"(\.\/\w+)\.ts"/g, '$1"$2.js"'));
}
