// Packs the SDK for npm into the repository's dist/ (or the folder named on the command line), and prints the tarball's path.
import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const web = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = resolve(process.argv[2] ?? join(web, "..", "dist"));

mkdirSync(folder, { recursive: true });
const pack = ["pack", "--json", "--loglevel=error", "--pack-destination", folder];
const run = spawnSync("npm", pack, { cwd: join(web, "sdk"), encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
if (run.status !== 0) process.exit(run.status ?? 1);
console.log(join(folder, JSON.parse(run.stdout.slice(run.stdout.indexOf("[")))[0].filename));
