import { render } from "preact";
import { followTheme } from "./theme.ts";
import { Root } from "./ui/root.tsx";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/timeline.css";
import "./styles/composer.css";
import "./styles/panels.css";
import "./styles/forced.css";

followTheme(localStorage);
render(<Root storage={sessionStorage} />, document.getElementById("app")!);
