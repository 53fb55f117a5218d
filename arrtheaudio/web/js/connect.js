// The addresses that Sonarr and Radarr want, ready to paste.

import * as actions from "./actions.js";
import * as api from "./api.js";
import { button, h, keyed } from "./dom.js";
import { icon } from "./icons.js";

/** The address to paste for a source, as this browser reaches the daemon. */
export const webhook = (place) => String(api.address(place.replace(/^\//, "")));

/** A box with an address and a button that copies it. */
function copyable(words) {
  return h("div", { class: "copyable" }, h("code", {}, words), button("Copy", () => actions.copy(words), { symbol: icon("copy", 16), "aria-label": `Copy ${words}` }));
}

/** Boxes for these sources, kept while they are the same. */
export function addresses(node, places) {
  keyed(node, places, (place) => place, (place) => ({ node: copyable(webhook(place)) }));
}

export const PLACES = ["webhook/sonarr", "webhook/radarr"];
export const KEY_HINT = "Method POST, any user name, and the API key as the password. The key stands in the file that the daemon named at its first start.";
