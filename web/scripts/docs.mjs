// Builds the SDK's API reference into the repository's dist/docs/sdk/ (or `--out FOLDER`). A warning is an error.
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = join(dirname(dirname(fileURLToPath(import.meta.url))), "docs");

for (const [command, ...rest] of [
  ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
  [
    process.execPath,
    join("node_modules", "typedoc", "bin", "typedoc"),
    "--options",
    "typedoc.json",
    ...process.argv.slice(2),
  ],
]) {
  const { status } = spawnSync(command, rest, { cwd: folder, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
