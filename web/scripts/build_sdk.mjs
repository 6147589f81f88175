// Compiles the SDK into sdk/dist/: ES modules and their types.
import { compile } from "./compile.mjs";

compile("sdk");
