// Packs npm packages into dist/ and prints the tarballs' paths: `pack.mjs [--out FOLDER] [NAME…]`; by default all.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { web } from "./compile.mjs";

const { values, positionals } = parseArgs({ options: { out: { type: "string" } }, allowPositionals: true });
const folder = resolve(values.out ?? join(web, "..", "dist"));

// npm writes this file at the end of an installation.
if (!existsSync(join(web, "node_modules", ".package-lock.json"))) {
  console.error("web/node_modules is not complete: run `npm ci` in web/, or wait until `make run` says that it runs");
  process.exit(1);
}
mkdirSync(folder, { recursive: true });
for (const name of positionals.length ? positionals : ["sdk", "react", "api"]) {
  const pack = ["pack", "--json", "--loglevel=error", "--pack-destination", folder];
  const run = spawnSync("npm", pack, { cwd: join(web, name), encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
  if (run.status !== 0) process.exit(run.status ?? 1);
  console.log(join(folder, JSON.parse(run.stdout.slice(run.stdout.indexOf("[")))[0].filename));
}
