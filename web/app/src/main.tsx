import { render } from "preact";
import { Root } from "./ui/root.tsx";
import "./styles/base.css";
import "./styles/layout.css";
import "./styles/timeline.css";
import "./styles/composer.css";
import "./styles/panels.css";
import "./styles/forced.css";

render(<Root storage={sessionStorage} />, document.getElementById("app")!);
