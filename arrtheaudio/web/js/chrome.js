// What surrounds the pages: navigation, the live dot, the banner, the theme button.

import { attribute, button, h, text } from "./dom.js";
import { number, timeOfDay } from "./format.js";
import { icon, setIcon } from "./icons.js";
import { showKeys } from "./keys.js";
import * as prefs from "./prefs.js";
import { state, watch } from "./store.js";

const BANNER_AFTER_MS = 5_000;
const THEME_ICONS = { system: "screen", light: "sun", dark: "moon" };
const THEME_WORDS = { system: "Auto", light: "Light", dark: "Dark" };

const find = (id) => document.getElementById(id);

/** Prepares the shell; `feed` is asked to come back at once by "Try now". */
export function prepare(feed) {
  theme();
  find("keys").addEventListener("click", showKeys);
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault();
    find("main").focus();
  });
  watch(() => draw(feed));
  setInterval(() => banner(feed), 1_000);
}

function theme() {
  const node = find("theme");
  const symbol = icon("screen", 18);
  const words = h("span");
  node.replaceChildren(symbol, words);
  const show = () => {
    setIcon(symbol, THEME_ICONS[prefs.theme()], "");
    text(words, THEME_WORDS[prefs.theme()]);
    attribute(node, "aria-label", `Theme: ${THEME_WORDS[prefs.theme()]}. Change it`);
  };
  node.addEventListener("click", () => prefs.setTheme(prefs.THEMES[(prefs.THEMES.indexOf(prefs.theme()) + 1) % prefs.THEMES.length]));
  addEventListener("themechange", show);
  show();
}

/** Marks the page of this route. */
export function mark(page) {
  for (const link of document.querySelectorAll(".nav a")) attribute(link, "aria-current", link.dataset.page === page ? "page" : null);
}

function draw(feed) {
  const live = [...state.batches.values()].filter((batch) => !batch.completed_at).length;
  badge("count-problems", state.problems, "need you");
  badge("count-batches", live, "running");
  const [words, kind] = state.link === "lost" ? ["Reconnecting", "off"] : state.link === "connecting" ? ["Connecting", "off"] : state.stopping ? ["Stopping", "paused"] : state.paused ? ["Paused", "paused"] : ["Live", ""];
  text(find("live-words"), words);
  attribute(find("live-dot"), "class", `dot ${kind}`.trim());
  banner(feed);
}

function badge(id, value, meaning) {
  const node = find(id);
  node.hidden = !value;
  text(node.firstElementChild, value > 999 ? "999+" : number(value));
  text(node.lastElementChild, ` ${meaning}`);
}

function lostWords() {
  if (!state.ready) return "The daemon cannot be reached. Is it running?";
  return `Connection lost. This is the state of ${timeOfDay(state.lostAt)}. The queue goes on without this page.`;
}

function banner(feed) {
  const node = find("banner");
  const lost = state.link === "lost" && Date.now() - state.lostAt >= BANNER_AFTER_MS;
  const wanted = lost ? "lost" : state.newVersion ? "version" : "";
  if (node.dataset.shows === wanted) return;
  node.dataset.shows = wanted;
  node.hidden = !wanted;
  if (lost) {
    node.replaceChildren(icon("warn"), h("p", { role: "alert" }, lostWords()), button("Try now", () => feed.now(), { kind: "slim" }));
  } else if (wanted) {
    node.replaceChildren(icon("retry"), h("p", { role: "status" }, "A new version is running."), button("Reload", () => location.reload(), { kind: "slim" }));
  } else node.replaceChildren();
}
