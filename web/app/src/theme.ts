/** The page's colours: as the system's, or as chosen in this browser. */

export type Theme = "system" | "light" | "dark";

const KEY = "roomcast:theme";

/** Return what was chosen in this browser. */
export function loadTheme(storage: Storage): Theme {
  const kept = storage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

/** Keep a choice, and show it. */
export function chooseTheme(storage: Storage, theme: Theme): void {
  if (theme === "system") storage.removeItem(KEY);
  else storage.setItem(KEY, theme);
  showTheme(storage);
}

/** Show the chosen theme, and follow the system where that was chosen. The style sheets read `data-theme`. */
export function followTheme(storage: Storage): void {
  showTheme(storage);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => showTheme(storage));
}

function showTheme(storage: Storage): void {
  const chosen = loadTheme(storage);
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = chosen === "system" ? system : chosen;
}
