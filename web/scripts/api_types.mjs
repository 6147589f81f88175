// Writes api/src/schema.ts, the types of the HTTP API. The argument is the path of the OpenAPI document.
// `make api-types` makes the document and runs this.
import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { web } from "./compile.mjs";

const [document] = process.argv.slice(2);
if (!document) throw new Error("api_types.mjs DOCUMENT");
const target = join(web, "api", "src", "schema.ts");
const generator = join("node_modules", "openapi-typescript", "bin", "cli.js");

function run(command, ...rest) {
  const { status } = spawnSync(command, rest, { cwd: join(web, "docs"), stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}

run("npm", "ci", "--no-audit", "--no-fund", "--loglevel=error");
run(
  process.execPath,
  generator,
  resolve(document),
  "--output",
  target,
  "--root-types",
  "--root-types-no-schema-prefix",
  "--default-non-nullable=false",
);
