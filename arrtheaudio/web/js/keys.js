// Single keys. Off in fields, in dialogs, with a modifier, and where the preference says so.

import * as actions from "./actions.js";
import { isOpen, show } from "./dialog.js";
import { h } from "./dom.js";
import { keysOn } from "./prefs.js";
import { go, href } from "./router.js";
import { state } from "./store.js";

const SECOND_KEY_MS = 1_500;
const SEEK_MS = 3_000;
const PLACES = { o: "overview", j: "jobs", b: "batches", s: "system" };

const LIST = [
  ["/", "Search"], ["j  k", "Next and previous row, like the arrows"], ["Enter", "Open"], ["x", "Select the row"],
  ["u", "Undo the change"], ["r", "Retry"], ["c", "Cancel the job"], ["p", "Pause or resume"],
  ["g then o j b s", "Overview, Jobs, Batches, System"], ["Esc", "Close"], ["?", "This list"],
];

let seeking = -Infinity; // until then a search is on its way, and letters are meant for it

/** A page is shown: its search has the focus if "/" asked for one; tells whether it has. */
export function sought(search) {
  const wanted = performance.now() < seeking;
  seeking = -Infinity;
  if (wanted) search?.focus();
  return wanted && Boolean(search);
}

/** The list of keys. */
export function showKeys() {
  const note = keysOn() ? "They can be switched off under System." : "They are switched off; see System.";
  return show(h("form", { method: "dialog" },
    h("div", {}, h("h2", { id: "keys-title" }, "Keyboard"), h("p", {}, note)),
    h("dl", { class: "keys" }, LIST.map(([key, words]) => [h("dt", {}, h("kbd", {}, key)), h("dd", {}, words)])),
    h("div", { class: "acts" }, h("button", { class: "btn primary" }, "Close"))), "keys-title");
}

/** Listens; `here()` gives the page and the sheet on screen. */
export function listen(here) {
  let leader = -Infinity;
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isOpen() || document.body.classList.contains("signed-out")) return;
    const { page, sheet } = here();
    const typing = event.target.matches?.("input:not([type=checkbox]), select, textarea");
    if (event.key === "Escape") {
      if (typing) event.target.blur();
      else if (sheet.id !== null) sheet.close();
      return;
    }
    if (typing || !keysOn() || performance.now() < seeking) return;
    const after = performance.now() - leader < SECOND_KEY_MS;
    leader = -Infinity;
    if (after && event.key in PLACES) go(href(PLACES[event.key]));
    else if (event.key === "g") leader = performance.now();
    else if (!press(event.key, page, sheet)) return;
    event.preventDefault();
  });
}

function press(key, page, sheet) {
  const { list, search } = page?.jobs ?? page ?? {};
  if (key === "?") showKeys();
  else if (key === "p") actions.setPaused(!state.paused);
  else if (key === "/") {
    if (search) search.focus();
    else {
      seeking = performance.now() + SEEK_MS;
      go(href("jobs"));
    }
  } else if ((key === "j" || key === "ArrowDown") && list) list.move(1);
  else if ((key === "k" || key === "ArrowUp") && list) list.move(-1);
  else return act(key, list, sheet);
  return true;
}

const JOB_KEYS = { u: "undo", r: "retry", c: "cancel" };

function act(key, list, sheet) {
  const job = sheet.id !== null ? sheet.job : list?.focusedJob();
  if (!job) return false;
  if (key === "x" && list) list.pick(job, !list.selection.has(job.job_id));
  else if (key in JOB_KEYS && actions.can[JOB_KEYS[key]](job)) actions[JOB_KEYS[key]](job);
  else return false;
  return true;
}
