// The filters of the jobs page: from the address to the API's parameters, and over events. Pure.
//
// Address: show, q, source, since (today | 7 | 30), done (today | a day), language, batch, path,
// folder, reason, problem. `since` is about when jobs came, `done` about when they ended.

import { language, shortDay } from "./format.js";
import { reason, source } from "./words.js";

const SKIPPED = ["no_matching_track", "no_audio_tracks", "unsupported_container", "container_disabled", "hardlinked", "no_room", "outside_media_roots"];

/** The chips: key in the address, words, the API's parameters, key of its facet, action for all. */
export const CHIPS = [
  { key: "", words: "All", parameters: {}, facet: "all" },
  { key: "waiting", words: "Waiting", parameters: { status: ["queued", "waiting_for_space"] }, facet: "waiting", action: "cancel" },
  { key: "changed", words: "Changed", parameters: { kind: "process", track_changed: "true", undone: "false" }, facet: "changed", action: "undo" },
  { key: "right", words: "Already right", parameters: { reason: "already_correct" }, facet: "already_correct" },
  { key: "skipped", words: "Skipped", parameters: { result: "skipped", reason: SKIPPED }, facet: "skipped" },
  { key: "failed", words: "Failed", parameters: { status: "failed" }, facet: "failed", action: "retry" },
  { key: "cancelled", words: "Cancelled", parameters: { status: "cancelled" }, facet: "cancelled", action: "retry" },
];

// Sets of rows that a number elsewhere counts, and no chip shows.
const COUNTED = {
  checked: { words: "Checked", parameters: { kind: "process", status: ["completed", "failed"] } },
  made: { words: "Changed, undone or not", parameters: { kind: "process", track_changed: "true" } },
  success: { words: "Would change", parameters: { result: "success" } },
};

export const chip = (query) => CHIPS.find((one) => one.key === (query.get("show") ?? "")) ?? null;

export const TIMES = [["", "Any time"], ["today", "Today"], ["7", "7 days"], ["30", "30 days"]];
export const SOURCES = [["", "Any source"], ["sonarr", "Sonarr"], ["radarr", "Radarr"], ["manual", "By hand"]];

/** Local midnight, `days` days back, as the API takes it. */
function midnight(days, from = new Date()) {
  const at = new Date(from);
  at.setHours(0, 0, 0, 0);
  at.setDate(at.getDate() - days);
  return at.toISOString();
}

function times(query) {
  const since = query.get("since");
  const done = query.get("done");
  const noon = done && done !== "today" ? `${done}T12:00:00` : new Date();
  return {
    from: since ? midnight(since === "today" ? 0 : Number(since) || 0) : null,
    completed_from: done ? midnight(0, noon) : null,
    completed_to: done && done !== "today" ? midnight(-1, noon) : null,
  };
}

const languages = (query) => query.get("language")?.split(",") ?? null;

/** What stands in the address besides the chip, as the API's parameters. */
function base(query) {
  return {
    q: query.get("q"), source: query.get("source"), batch_id: query.get("batch"),
    path: query.get("path"), folder: query.get("folder"), reason: query.get("reason"), problem: query.get("problem"),
    language: languages(query), ...times(query),
  };
}

/** The API's parameters for the rows of this address. */
export function parameters(query) {
  const set = chip(query) ?? COUNTED[query.get("show")] ?? CHIPS[0];
  const merged = { ...base(query), ...set.parameters };
  if (query.get("reason")) merged.reason = query.get("reason");
  return Object.fromEntries(Object.entries(merged).filter(([, value]) => value));
}

/** The parameters whose facets the chips show: without the chip's own. */
export const facetParameters = (query) => Object.fromEntries(Object.entries(base(query)).filter(([, value]) => value));

/** The parameters as the filter of an action on all that match. */
export function filter(query) {
  const lists = new Set(["status", "result", "source", "kind", "language", "reason"]);
  return Object.fromEntries(Object.entries(parameters(query)).map(([name, value]) => {
    if (value === "true" || value === "false") return [name, value === "true"];
    return [name, lists.has(name) ? [value].flat() : value];
  }));
}

/** Whether the address shows only what has ended. */
export const endedOnly = (query) => query.has("done") || query.has("language");

const ENDS = new Set(["job.completed", "job.failed", "job.cancelled"]);

/** Whether a job that has just moved belongs to the address, its chip aside. */
export function belongs(query, job) {
  const q = query.get("q")?.toLowerCase();
  const folder = query.get("path");
  const own = query.get("folder");
  return (!q || job.file_path.toLowerCase().includes(q))
    && (!query.get("source") || job.source === query.get("source"))
    && (!query.get("batch") || job.batch_id === query.get("batch"))
    && (!folder || job.file_path === folder || job.file_path.startsWith(`${folder.replace(/\/$/, "")}/`))
    && (!own || job.file_path.slice(0, job.file_path.lastIndexOf("/")) === own)
    && (!endedOnly(query) || ENDS.has(job.type))
    && (query.get("done") ?? "today") === "today"
    && (!query.has("language") || languages(query).includes(job.selected_track?.language));
}

/** The facet that an event adds to, or null. */
export function facetOf(event) {
  if (event.type === "job.failed") return "failed";
  if (event.type === "job.cancelled") return "cancelled";
  if (event.type !== "job.completed") return null;
  if (event.track_changed) return event.kind === "undo" ? null : "changed";
  if (event.reason === "already_correct") return "already_correct";
  return event.result === "skipped" ? "skipped" : null;
}

/** Whether a row that has just been queued stands in the list of this address. */
export const showsQueued = (query) => ["", "waiting"].includes(query.get("show") ?? "") && !query.get("reason") && !query.get("problem") && !endedOnly(query);

/** Whether a job whose end is told stands in the list of this address from now on. */
export function joins(query, event) {
  if (!ENDS.has(event.type) || showsQueued(query)) return false;
  const wanted = query.get("reason");
  if (wanted && !(event.reason && wanted.split(",").includes(event.reason))) return false;
  if (query.get("problem")) return event.type === "job.failed";
  const shown = chip(query);
  if (!shown || shown.key === "") return Boolean(wanted) || endedOnly(query);
  return shown.facet === facetOf(event);
}

/** What narrows the list without a control of its own: `[name in the address, words]`. */
export function tokens(query) {
  const found = [];
  if (COUNTED[query.get("show")]) found.push(["show", COUNTED[query.get("show")].words]);
  if (query.get("reason")) found.push(["reason", reason(query.get("reason"))]);
  if (query.get("problem")) found.push(["problem", "Needs you"]);
  if (query.get("path")) found.push(["path", query.get("path")]);
  if (query.get("folder")) found.push(["folder", query.get("folder")]);
  if (query.get("batch")) found.push(["batch", "One batch"]);
  const done = query.get("done");
  if (done) found.push(["done", `Ended ${done === "today" ? done : shortDay(done)}`]);
  if (query.has("language")) found.push(["language", languages(query).map(language).join(", ")]);
  return found;
}

/** In words, for "No job matches": why nothing may be there. */
export function described(query) {
  const parts = [];
  if (query.get("q")) parts.push(`“${query.get("q")}” in the path`);
  if (query.get("source")) parts.push(`source ${source(query.get("source"))}`);
  return parts.join(", ");
}
