// What this browser remembers: theme, keys, paging. Works without storage, too.

const PREFIX = "arrtheaudio.";

export function get(name, fallback) {
  try {
    return localStorage.getItem(PREFIX + name) ?? fallback;
  } catch {
    return fallback;
  }
}

export function set(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Storage is forbidden: the choice lasts as long as the page.
  }
}

export const THEMES = ["system", "light", "dark"];

export const theme = () => get("theme", "system");

export function setTheme(value) {
  set("theme", value);
  dispatchEvent(new Event("themechange"));
}

export const keysOn = () => get("keys", "on") === "on";
export const paged = () => get("paged", "off") === "on";
