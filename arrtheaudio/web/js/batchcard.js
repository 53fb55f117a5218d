// One batch: its folder, how far it is, a segmented bar with its figures, and what can be done.

import * as actions from "./actions.js";
import { attribute, button, h, keyed, text } from "./dom.js";
import { count, left, number, percent, since, span } from "./format.js";
import { icon, setIcon } from "./icons.js";
import { href } from "./router.js";
import { state } from "./store.js";
import { batchStates } from "./words.js";

const LEAST_PX = "3px";
const ENDED = new Set(["completed", "cancelled", "failed"]);

export const hasEnded = (batch) => ENDED.has(batch.status);

/** The parts of the bar: `[class, words, number, the rows' "show"]`. */
export function parts(batch) {
  const { success, skipped, already_correct: right, failed } = batch.progress;
  return [
    batch.dry_run ? ["changed", "would change", success, "success"] : ["changed", "changed", success, "made"],
    ["right", "already right", right, "right"],
    ["skipped", "skipped", skipped - right, "skipped"],
    ["failed", "failed", failed, "failed"],
  ];
}

/** The line below the folder. */
export function line(batch, now = Date.now()) {
  const { total_files: total, processed, eta_seconds: eta } = batch.progress;
  const dry = batch.dry_run ? "Dry run · " : "";
  if (!hasEnded(batch)) {
    if (batch.status === "cancelling") return dry + batchStates.cancelling;
    if (!batch.discovery_complete) return `${dry}${number(processed)} of ${number(total)} files so far, still looking`;
    return `${dry}${number(processed)} of ${count(total, "file")} · ${state.paused ? "paused" : left(eta)}`;
  }
  const took = batch.started_at && batch.completed_at ? `, ${span(Date.parse(batch.completed_at) - Date.parse(batch.started_at))}` : "";
  const when = batch.completed_at ? ` · ${since(batch.completed_at, now)}${took}` : "";
  if (batch.status === "failed") return `${dry}Stopped: ${batch.error ?? "folder unreadable"}${when}`;
  return `${batch.dry_run && batch.status === "completed" ? "Dry run" : dry + batchStates[batch.status]} · ${count(total, "file")}${when}`;
}

/** A card that can show any state of one batch: `{node, update(batch)}`; linked, it names the folder. */
export function batchCard({ linked = true } = {}) {
  let batch = null;
  const symbol = icon("folder");
  const badge = h("span", { class: "badge ok" }, symbol);
  const name = h("a", { class: "name cut" });
  const folder = h("bdi");
  name.append(folder);
  const said = h("span", { class: "small muted" });
  const share = h("b");
  const acts = h("div", { class: "acts" });
  const bar = h("div", { class: "bar", role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 });
  const legend = h("ul", { class: "legend" });
  const node = h("div", { class: "batch" }, h("div", { class: "head" }, badge, h("div", { class: "grow" }, linked && name, said), share, acts), bar, legend);

  const buttons = {
    cancel: () => button("Cancel…", () => actions.cancelBatch(batch), { kind: "slim ghost" }),
    real: () => button("Run it for real", () => actions.runForReal(batch), { kind: "slim primary" }),
    undo: () => button("Undo…", () => actions.undoBatch(batch), { kind: "slim", symbol: icon("undo", 16) }),
  };

  function update(one) {
    batch = one;
    const ended = hasEnded(one);
    const { total_files: total } = one.progress;
    setIcon(symbol, one.status === "failed" ? "fail" : one.status === "cancelled" ? "cancel" : one.dry_run ? "search" : ended ? "check" : "folder", "");
    badge.className = `badge ${one.status === "failed" ? "bad" : one.dry_run || one.status === "cancelled" ? "quiet" : "ok"}`;
    text(folder, one.path);
    attribute(name, "href", href("batches", one.batch_id));
    text(said, line(one));
    text(share, ended ? "" : percent(one.progress.percent));
    const shown = parts(one);
    keyed(bar, shown.filter(([, , value]) => value > 0), ([kind]) => kind, ([kind]) => segment(kind, () => batch));
    attribute(bar, "aria-label", `Progress of ${one.path}`);
    attribute(bar, "aria-valuenow", Math.floor(one.progress.percent));
    attribute(bar, "aria-valuetext", `${number(one.progress.processed)} of ${number(total)} files`);
    keyed(legend, shown.filter(([kind, , value]) => value > 0 || kind === "changed" || kind === "right"), ([kind, words]) => kind + words, (part) => key(part, one));
    const wanted = !ended ? (one.status === "cancelling" ? [] : ["cancel"]) : one.dry_run ? (one.progress.success ? ["real"] : []) : one.results.track_changes ? ["undo"] : [];
    keyed(acts, wanted, (action) => action, (action) => ({ node: buttons[action]() }));
    for (const action of acts.children) action.disabled = state.link === "lost";
  }
  return { node, update };
}

function segment(kind, batch) {
  const node = h("i", { class: kind });
  node.style.minWidth = LEAST_PX;
  return {
    node,
    update: ([, , value]) => {
      node.style.width = `${(100 * value) / Math.max(1, batch().progress.total_files)}%`;
    },
  };
}

function key([kind, words, , show], { batch_id: id }) {
  const amount = h("b");
  const rows = href("jobs", null, { show, batch: id });
  return {
    node: h("li", {}, h("a", { href: rows }, h("i", { class: `swatch ${kind}` }), amount, words)),
    update: ([, , value]) => text(amount, number(value)),
  };
}
