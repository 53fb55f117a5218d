// What Sonarr and Radarr want, ready to paste: the addresses and the key.

import * as actions from "./actions.js";
import * as api from "./api.js";
import { button, h, keyed, text } from "./dom.js";
import { icon } from "./icons.js";
import { failed } from "./toast.js";

const HIDDEN = "••••••••••••";
const NONE = "No key is needed (api.auth: none).";

export const PLACES = ["webhook/sonarr", "webhook/radarr"];

/** The address to paste for a source, as this browser reaches the daemon. */
export const webhook = (place) => String(api.address(place.replace(/^\//, "")));

const copyButton = (what, action) => button("Copy", action, { symbol: icon("copy", 16), "aria-label": `Copy ${what}` });

/** A box with an address and a button that copies it. */
function copyable(words) {
  return h("div", { class: "copyable" }, h("code", {}, words), copyButton(words, () => actions.copy(words)));
}

/** Boxes for these sources, kept while they are the same. */
function addresses(node, places) {
  keyed(node, places, (place) => place, (place) => ({ node: copyable(webhook(place)) }));
}

/** The key in a box: asked for when it is wanted, shown only on request, kept nowhere else. */
function keyBox() {
  const code = h("code", {}, HIDDEN);
  const draw = (key) => {
    text(code, key);
    text(show, key === HIDDEN ? "Show" : "Hide");
    show.setAttribute("aria-label", `${show.textContent} the API key`);
  };
  const wanted = async (use) => {
    let key;
    try {
      key = await api.key();
    } catch (error) {
      failed(error);
      return;
    }
    if (key === null) {
      draw(NONE);
      show.hidden = copy.hidden = true;
    } else await use(key);
  };
  const show = button("", () => (code.textContent === HIDDEN ? wanted(draw) : draw(HIDDEN)));
  const copy = copyButton("the API key", () => wanted(async (key) => {
    if (!(await actions.copy(key))) draw(key);
  }));
  draw(HIDDEN);
  return h("div", { class: "copyable" }, code, show, copy);
}

/** What to paste, and where; `places` can be told anew. */
export class Connect {
  constructor() {
    this.boxes = h("div");
    this.places(PLACES);
    this.node = h("div", {}, this.boxes,
      h("p", { class: "muted small after" }, "Method POST, any user name, and as the password this key:"), keyBox());
  }

  places(places) {
    addresses(this.boxes, places);
  }
}
