// Bundles the hooks into react/dist/index.js, which says "use client", and compiles their types beside it.
import { build } from "esbuild";
import { compile, web } from "./compile.mjs";

// The types name those of the SDK, as it is now.
compile("sdk");
compile("react");
await build({
  absWorkingDir: web,
  entryPoints: ["react/src/index.ts"],
  bundle: true,
  packages: "external",
  // tsconfig.json maps this name to sources, which would become a part of the bundle.
  external: ["@roomcast/sdk"],
  format: "esm",
  target: "es2022",
  outfile: "react/dist/index.js",
  // React's server components need it in the first line of a module that uses state or effects.
  banner: { js: '"use client";' },
});
