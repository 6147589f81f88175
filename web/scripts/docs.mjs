// Builds the API references of the SDK and the hooks into the repository's dist/docs/ (or `--out FOLDER`): sdk/ and
// react/. A warning is an error.
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { compile, web } from "./compile.mjs";

const { values } = parseArgs({ options: { out: { type: "string" } } });
const folder = resolve(values.out ?? join(web, "..", "dist", "docs"));
const typedoc = join("node_modules", "typedoc", "bin", "typedoc");

function run(command, ...rest) {
  const { status } = spawnSync(command, rest, { cwd: join(web, "docs"), stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

run("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error");
run(process.execPath, typedoc, "--options", "typedoc.json", "--out", join(folder, "sdk"));
// The hooks' types import the SDK's types from sdk/dist.
compile("sdk");
run(process.execPath, typedoc, "--options", "typedoc.react.json", "--out", join(folder, "react"));
