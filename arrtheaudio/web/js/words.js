// What the dashboard says: states, reasons, events. Pure; the API's words in, people's words out.

import { bytes, count, language, number, span } from "./format.js";

// reason: [short, for a row; what to do, for a group of problems]
const REASONS = {
  already_correct: ["Already right"],
  no_matching_track: ["No wished language inside"],
  no_audio_tracks: ["No audio inside"],
  unsupported_container: ["This kind of file cannot be edited"],
  container_disabled: ["This kind of file is switched off"],
  hardlinked: ["Shared by a hard link, left alone"],
  no_room: ["No room for the edit, left alone"],
  outside_media_roots: ["Outside the media folders"],
  not_found: ["Not there", "Check that the daemon sees the same folder as Sonarr or Radarr, then retry."],
  gone: ["It has gone meanwhile", "Nothing to do, unless it should still be there."],
  busy: ["In use by another program", "Let the download or copy end, then retry."],
  not_writable: ["Read-only", "Allow it, then retry."],
  corrupt: ["The file is damaged", "Play it to see; a new download may help."],
  changed_meanwhile: ["Another program changed the file; nothing was written", "Retry, once it has come to rest."],
  conflict: ["Another program changed the file; nothing was written", "Retry, once it has come to rest."],
  verify_failed: ["The check after the edit failed; the old bytes are back", "Look at the job before you retry."],
  tool_failed: ["The tool that rewrites files failed", "Look at the job for what it said."],
  io_error: ["The disk reported an error", "Check the disk or the share, then retry."],
  no_space: ["Not enough disk space", "Free some, then retry."],
  timeout: ["It took too long", "Retry, or raise processing.timeout_seconds."],
  poisoned: ["It stopped the daemon twice", "Do not retry before you have looked at the file."],
  internal_error: ["A fault of ArrTheAudio", "The log says more. Please report it."],
};

const capital = (words) => words[0].toUpperCase() + words.slice(1);

/** What the daemon says of a job, without the path that stands beside it. */
export function brief(message, path) {
  const prefix = `${path}: `;
  return message?.startsWith(prefix) ? capital(message.slice(prefix.length)) : message ?? "";
}

export const reason = (code) => REASONS[code]?.[0] ?? (code ? capital(code.replaceAll("_", " ")) : "Failed");

const SOURCES = { sonarr: "Sonarr", radarr: "Radarr", manual: "By hand" };

export const source = (name, instance) => (instance ? `${SOURCES[name] ?? name} (${instance})` : SOURCES[name] ?? name);

const look = (icon, tone, words, to = null, from = null) => ({ icon, tone, words, to, from });

/** How a job stands: `{icon, tone, words, to, from}`; `to` is a language that `words`, or `from`, lead to. */
export function summary(job, now = Date.now()) {
  const to = job.selected_track ? language(job.selected_track.language) : null;
  const before = job.previous_language ? language(job.previous_language) : null;
  const from = before === to ? null : before;
  if (job.status === "queued") return look("clock", "tone-quiet", waiting(job, now));
  if (job.status === "running") return look("work", "tone-ok", job.kind === "undo" ? "Putting the old bytes back" : "Working");
  if (job.status === "waiting_for_space") return look("drive", "tone-warn", "Waits for disk space");
  if (job.status === "cancelled") return look("cancel", "tone-quiet", "Cancelled");
  if (job.status === "failed") return look("fail", "tone-bad", reason(job.reason));
  if (job.kind === "undo" || job.undo_of) return look("undo", "tone-quiet", "Put back as it was");
  if (job.undone) return look("undo", "tone-quiet", "Undone");
  if (job.track_changed) return look("done", "tone-ok", "Now", to, from);
  if (job.result === "success" && job.dry_run) return look("search", "tone-ok", "Would become", to, from && `Dry run: ${from}`);
  if (job.reason === "already_correct") return look("check", "tone-quiet", to ? `Already ${to}` : "Already right");
  if (job.result === "skipped") return look("skip", "tone-quiet", reason(job.reason));
  return look("check", "tone-quiet", "Done");
}

function waiting(job, now) {
  const due = job.next_attempt_at ? Date.parse(job.next_attempt_at) - now : 0;
  if (due < 1000) return job.dry_run ? "Waiting (dry run)" : "Waiting";
  const why = job.reason ? { not_found: "Not there yet", busy: "Still in use" }[job.reason] ?? reason(job.reason) : null;
  return why ? `${why}; trying again in ${span(due)}` : `Trying again in ${span(due)}`;
}

/** The sheet's sentence below the title. */
export function headline(job) {
  const { words, to } = summary(job);
  if (to && job.track_changed) return `Default audio is now ${to}`;
  if (to) return `${words} ${to}`;
  if (job.status === "failed") return `${words}; nothing is half done`;
  return words;
}

const METHODS = { in_place: "In place, only flags in the header", remux: "Rewritten without re-encoding", copy: "A copy, edited and put in its place" };

export function how(job) {
  if (job.method) return METHODS[job.method] ?? job.method;
  if (job.status === "completed") return job.dry_run ? "Dry run, nothing written" : "Nothing written";
  return job.status === "failed" || job.status === "cancelled" ? "Nothing written" : "Nothing written so far";
}

/** One line of a job's history. */
export function event(entry, job) {
  const why = entry.reason ? `: ${reason(entry.reason).toLowerCase()}` : "";
  switch (entry.type) {
    case "job.queued": return queued(job);
    case "job.started": return entry.worker_id ? `Started on worker ${entry.worker_id}${entry.attempt > 1 ? `, attempt ${entry.attempt}` : ""}` : "Started";
    case "job.planned": return "Planned and noted, before the first byte";
    case "job.completed": return moved(job) ?? (brief(entry.message, job.file_path) || "Completed");
    case "job.failed": return brief(entry.message, job.file_path) || `Failed${why}`;
    case "job.cancelled": return "Cancelled";
    case "job.retrying": return `Did not work${why}; it is tried again`;
    case "job.deferred": return entry.heavy ? "Put in line for files that must be rewritten" : `Put off${why}`;
    case "job.interrupted": return "Interrupted by a stop of the daemon; keeps its place";
    case "job.waiting_for_space": return `Waits for disk space: needs ${bytes(entry.needed)}, ${bytes(entry.free)} are free`;
    case "job.space_found": return "There is space again";
    case "job.undone": return "Undone: the old bytes are back";
    default: return capital(entry.type.replace(/^\w+\./, "").replaceAll("_", " "));
  }
}

/** What the change was, where the tracks are known. */
function moved(job) {
  const before = job.tracks?.find((track) => track.default && !track.chosen);
  if (!job.track_changed || !job.selected_track || !before) return null;
  const [from, to] = [language(before.language), language(job.selected_track.language)];
  return from === to ? `Default moved to another ${to} track, checked again` : `Default moved from ${from} to ${to}, checked again`;
}

function queued(job) {
  if (job.undo_of) return "Queued, to put the old bytes back";
  if (job.retry_of) return "Queued again by hand";
  if (job.batch_id) return "Found by a batch, queued";
  return job.source === "manual" ? "Queued by hand" : `Imported by ${source(job.source, job.instance)}, queued`;
}

/** A group of problems: `{icon, tone, title, before, place, after}` around the folder's name. */
export function problem(group) {
  const files = count(group.count, "file");
  const one = group.count === 1;
  if (group.reason === "waiting_for_space") {
    const need = group.needed_bytes ? `Needs ${bytes(group.needed_bytes)} free` : "Needs more free space";
    const free = group.free_bytes === null || group.free_bytes === undefined ? "." : `, ${bytes(group.free_bytes)} are. Free some and it goes on by itself.`;
    return { icon: "drive", tone: "warn", title: `${files} ${one ? "waits" : "wait"} for disk space`, before: `${need} on `, after: free };
  }
  const titles = {
    not_writable: `${files} ${one ? "is" : "are"} read-only`,
    not_found: `${files} ${one ? "is" : "are"} not there`,
    corrupt: `${files} ${one ? "is" : "are"} damaged`,
    busy: `${files} ${one ? "is" : "are"} in use`,
    timeout: `${files} took too long`,
    poisoned: `${files} stopped the daemon twice`,
  };
  const before = group.reason === "not_writable" ? "The daemon may not write in " : titles[group.reason] ? "In " : `${reason(group.reason)}, in `;
  return {
    icon: group.reason === "not_writable" ? "lock" : "fail",
    tone: "bad",
    title: titles[group.reason] ?? `${files} failed`,
    before,
    after: `. ${REASONS[group.reason]?.[1] ?? "Look at the jobs for what happened."}`,
  };
}

const CHECKS = { journal: "Journal", disk_space: "Disk space", ffmpeg: "ffmpeg", paused: "Queue", media_root: "Media folders" };

/** What a health check looks at. */
export const check = (name) => CHECKS[name] ?? capital(name.replace(/^media_root /, "").replaceAll("_", " "));

/** A batch's second line. */
export const batchStates = { queued: "Looking through the folder", running: "Running", cancelling: "Cancelling; what runs now ends first", completed: "Completed", cancelled: "Cancelled", failed: "Stopped" };

export const actions = {
  cancel: { verb: "Cancel", ask: "They leave the line; their files stay as they are. What runs now goes on." },
  retry: { verb: "Retry", ask: "They are queued again, behind new imports." },
  undo: { verb: "Undo", ask: "The original bytes go back into each file. Files that another program has changed since are left alone and listed; those that had to be rewritten whole stay as they are." },
};

export const matched = (action, total) =>
  `${{ cancel: "Cancelling", retry: "Queued again:", undo: "Undo queued for" }[action]} ${number(total)} ${total === 1 ? "job" : "jobs"}.`;
