// Compiles the API client into api/dist/: ES modules and their types.
import { compile } from "./compile.mjs";

compile("api");
