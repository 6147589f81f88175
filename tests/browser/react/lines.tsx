// Render the component in the first block of the README (its ten lines).
import { createRoot } from "react-dom/client";
import { Chat } from "./chat";

createRoot(document.getElementById("root")!).render(<Chat />);
