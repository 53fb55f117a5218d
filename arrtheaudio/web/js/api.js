// The daemon's REST interface as the dashboard uses it. Relative addresses only.
//
// What it reads beyond the fields that every client knows:
//   GET  browse?path=&offset=   {path, parent, folders: [{name, path}], total}; without a path: the roots
//   GET  stats/daily?days=14    {days: [{day, changed, already_correct, skipped, failed, cancelled, avg_ms}]}
//   GET  stats/breakdown        {by, days, items: [{key, count}]}, the largest first
//   GET  jobs?facets=true       also {facets: {all, waiting, changed, already_correct, skipped, failed, cancelled}};
//                               (and undoable, where track_changed=true); further filters: kind,
//                               language, folder, completed_from, completed_to
//   GET  problems               {total, groups: [{reason, folder, count, message, job_id, needed_bytes, free_bytes}]}
//   POST problems/dismiss|restore {reason, folder}
//   GET  sources                {sources: [{source, instance, path, last_at, last_status, last_event}]}
//   POST jobs/actions           {action, filter | job_ids, expected} → 202 {matched, accepted};
//                               with dry_run the same numbers, and nothing is done

/** A refusal in words: the problem document of the daemon (RFC 9457). */
class Problem extends Error {
  constructor(status, document) {
    super(document.detail || document.title || `The daemon answered ${status}.`);
    this.status = status;
    this.title = document.title || "It did not work";
    this.fields = Object.fromEntries((document.errors ?? []).map((error) => [error.field, error.message]));
    this.document = document;
  }
}

/** The daemon could not be reached at all. */
class Unreachable extends Error {}

let onUnauthorised = () => {};

/** Who is told that a key is needed. */
export function whenUnauthorised(listener) {
  onUnauthorised = listener;
}

/** An address below the page's own, whatever prefix it stands under. */
export const address = (place) => new URL(place, new URL(".", location.href));

function query(parameters) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters ?? {})) {
    for (const one of [value].flat()) {
      if (one !== undefined && one !== null && one !== "") search.append(name, one);
    }
  }
  const text = String(search);
  return text ? `?${text}` : "";
}

async function send(method, place, { body, parameters, signal, quiet = [] } = {}) {
  let response;
  try {
    response = await fetch(address(place + query(parameters)), {
      method,
      signal,
      credentials: "same-origin",
      headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Unreachable("The daemon cannot be reached.");
  }
  const json = (response.headers.get("Content-Type") ?? "").includes("json");
  const document = json ? await response.json() : {};
  if (response.ok || quiet.includes(response.status)) return document;
  if (response.status === 401 && place !== "session") onUnauthorised();
  throw new Problem(response.status, document);
}

const get = (place, parameters, options) => send("GET", place, { parameters, ...options });
const post = (place, body = undefined, options = {}) => send("POST", place, { body, ...options });

export const signIn = (key) => post("session", { api_key: key });
export const signOut = () => send("DELETE", "session");
export const key = () => post("session/key").then((answer) => answer.api_key);

/** Health is an answer even where it is bad (503). */
export const health = () => get("health", {}, { quiet: [503] });
export const config = () => get("config");
export const sources = () => get("sources");
export const browse = (path, offset = 0) => get("browse", { path, offset });
export const queue = () => get("queue");

export const daily = (days = 14) => get("stats/daily", { days });
export const breakdown = (by, days) => get("stats/breakdown", { by, days });

export const jobs = (parameters, signal) => get("jobs", parameters, { signal });
export const job = (id) => get(`jobs/${encodeURIComponent(id)}`);
export const cancelJob = (id) => send("DELETE", `jobs/${encodeURIComponent(id)}`);
export const retryJob = (id) => post(`jobs/${encodeURIComponent(id)}/retry`);
export const undoJob = (id) => post(`jobs/${encodeURIComponent(id)}/undo`);
export const submit = (paths, languages) => post("jobs", { paths, language_priority: languages ?? undefined });
export const act = (action, what, expected) => post("jobs/actions", { action, ...what, expected });
export const prospect = (action, what) => post("jobs/actions", { action, ...what, dry_run: true });

export const batches = (offset = 0, limit = 50) => get("batch", { offset, limit });
export const batch = (id) => get(`batch/${encodeURIComponent(id)}`, { limit: 1 });
export const startBatch = (request) => post("batch", request);
export const cancelBatch = (id) => send("DELETE", `batch/${encodeURIComponent(id)}`);
export const undoBatch = (id) => post(`batch/${encodeURIComponent(id)}/undo`);

export const pause = () => post("queue/pause");
export const resume = () => post("queue/resume");

export const problems = () => get("problems");
export const dismiss = (group) => post("problems/dismiss", group);
export const restore = (group) => post("problems/restore", group);

export const cleanup = (days, statuses, dryRun) =>
  post("admin/cleanup", { older_than_days: days, statuses, dry_run: dryRun });
