// Compiles a package, as its tsconfig.build.json says, into its dist/. Deletes the results of earlier builds first.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const web = dirname(dirname(fileURLToPath(import.meta.url)));
const tsc = join(web, "node_modules", "typescript", "bin", "tsc");

/** Run the compiler, or end this process with its status. */
export function compile(name) {
  const dist = join(web, name, "dist");
  rmSync(dist, { recursive: true, force: true });
  const run = spawnSync(process.execPath, [tsc, "-p", join(web, name, "tsconfig.build.json")], { stdio: "inherit" });
  if (run.status !== 0) process.exit(run.status ?? 1);
  // tsc rewrites imports in modules (.js), but not in declarations (.d.ts).
  for (const file of readdirSync(dist, { recursive: true }).filter((one) => one.endsWith(".d.ts"))) {
    const text = readFileSync(join(dist, file), "utf8");
    writeFileSync(join(dist, file), text.replace(/(from |import\()"(\.{1,2}\/[\w/]+)\.ts"/g, '$1"$2.js"'));
  }
}
