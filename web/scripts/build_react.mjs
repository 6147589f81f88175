// Bundles the hooks into react/dist/index.js, which begins with "use client"; writes their types into the same folder.
import { build } from "esbuild";
import { compile, web } from "./compile.mjs";

// The hooks' types import the SDK's types from sdk/dist.
compile("sdk");
compile("react");
await build({
  absWorkingDir: web,
  entryPoints: ["react/src/index.ts"],
  bundle: true,
  packages: "external",
  // tsconfig.json maps this name to the SDK's sources. Without this line they would become part of the bundle.
  external: ["@roomcast/sdk"],
  format: "esm",
  target: "es2022",
  outfile: "react/dist/index.js",
  // React's server components need this text in the first line of a module that uses state or effects.
  banner: { js: '"use client";' },
});
