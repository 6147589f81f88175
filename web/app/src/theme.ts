/** Choose the page's theme: the system's, light or dark. */

export type Theme = "system" | "light" | "dark";

const KEY = "roomcast:theme";

/** Return the theme chosen in this browser. */
export function loadTheme(storage: Storage): Theme {
  const kept = storage.getItem(KEY);
  return kept === "light" || kept === "dark" ? kept : "system";
}

/** Store a choice, and apply it. */
export function chooseTheme(storage: Storage, theme: Theme): void {
  if (theme === "system") storage.removeItem(KEY);
  else storage.setItem(KEY, theme);
  showTheme(storage);
}

/** Apply the chosen theme, now and when the system's theme changes. The style sheets read `data-theme`. */
export function followTheme(storage: Storage): void {
  showTheme(storage);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => showTheme(storage));
}

function showTheme(storage: Storage): void {
  const chosen = loadTheme(storage);
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = chosen === "system" ? system : chosen;
}
