// What a click does to jobs, batches and the queue. Nothing is shown before the daemon has said so.

import * as api from "./api.js";
import { ask } from "./dialog.js";
import { count, isolated, number } from "./format.js";
import { go, href } from "./router.js";
import { failed, toast } from "./toast.js";
import { actions, matched } from "./words.js";

const LATE = { cancel: "It had finished already.", undo: "There is nothing to undo any more.", retry: "It is not ended, or has been retried already." };
const NONE = { cancel: "Nothing waits or runs any more.", undo: LATE.undo, retry: "There is nothing to retry any more." };

async function attempt(action, late) {
  try {
    return await action();
  } catch (error) {
    // A 409 is an answer: the thing had ended or changed before.
    if (error.status === 409 && late) toast(late);
    else failed(error);
    return null;
  }
}

export const can = {
  cancel: (job) => ["queued", "running", "waiting_for_space"].includes(job.status),
  retry: (job) => job.status === "failed" || job.status === "cancelled",
  undo: (job) => job.track_changed && !job.undone && job.method !== "remux" && job.kind !== "undo" && !job.undo_of,
};

export async function cancel(job) {
  const done = await attempt(() => api.cancelJob(job.job_id), LATE.cancel);
  if (done) toast("Cancelled.", { label: "Queue again", action: () => retry(job) });
}

export async function retry(job) {
  const done = await attempt(() => api.retryJob(job.job_id), LATE.retry);
  if (done) toast("Queued again, behind new imports.", { label: "Show", action: () => go(href("jobs", done.job_id)) });
}

export async function undo(job) {
  const done = await attempt(() => api.undoJob(job.job_id), LATE.undo);
  if (done) toast("Putting the old bytes back.", { label: "Do it again", action: () => process(job) });
}

/** Opens "Scan a folder". */
export const scan = async () => (await import("./scan.js")).openScan();

/** Processes a file now, with the languages of then: after an undo, or for real after a dry run. */
export async function process(job) {
  const done = await attempt(() => api.submit([job.file_path], job.language_priority));
  if (done) toast("Queued.", { label: "Show", action: () => go(href("jobs", done.job_ids[0])) });
}

/** One action for many jobs, asked for with the number that it will take; `what` is a filter or a list of ids. */
export async function many(action, what) {
  const found = await attempt(() => api.prospect(action, what));
  if (!found) return false;
  if (!found.accepted) {
    toast(NONE[action]);
    return true;
  }
  const { verb, ask: text } = actions[action];
  const jobs = count(found.accepted, "job");
  if (!(await ask({ title: `${verb} ${jobs}?`, text, yes: `${verb} ${number(found.accepted)}`, no: "Leave them", danger: action !== "retry" }))) return false;
  const done = await attempt(() => api.act(action, what, found.matched), "Meanwhile more jobs match. Look again, then decide.");
  if (done) toast(matched(action, done.accepted));
  return done !== null;
}

export async function setPaused(paused) {
  const done = await attempt(paused ? api.pause : api.resume);
  if (!done) return;
  const words = paused ? "Paused. Imports are still accepted." : "Running again.";
  toast(words, { label: paused ? "Resume" : "Pause", action: () => setPaused(!paused) });
}

export async function cancelBatch(batch) {
  const { remaining, success } = batch.progress;
  const rest = `${count(remaining, "file")} ${remaining === 1 ? "stays as it is" : "stay as they are"}.`;
  const stay = success && !batch.dry_run ? ` The ${count(success, "change")} made ${success === 1 ? "stays" : "stay"}; you can undo ${success === 1 ? "it" : "them"} afterwards.` : "";
  if (!(await ask({ title: `Cancel the batch ${isolated(batch.path)}?`, text: rest + stay, yes: "Cancel batch", no: "Keep going" }))) return;
  const done = await attempt(() => api.cancelBatch(batch.batch_id), LATE.cancel);
  if (done) toast(done.status === "cancelling" ? "Cancelling. What runs now ends first." : "Cancelled.");
}

export async function undoBatch(batch) {
  const filter = { batch_id: batch.batch_id, kind: ["process"], track_changed: true, undone: false };
  const found = await attempt(() => api.prospect("undo", { filter }));
  if (!found) return;
  const changes = found.accepted;
  if (!changes) {
    toast(LATE.undo);
    return;
  }
  const yes = `Undo ${count(changes, "change")}`;
  if (!(await ask({ title: `${yes} in ${isolated(batch.path)}?`, text: actions.undo.ask, yes, no: "Leave them" }))) return;
  const done = await attempt(() => api.undoBatch(batch.batch_id), LATE.undo);
  if (done) toast(matched("undo", done.job_ids_total));
}

/** The same batch again, this time not as a dry run. */
export async function runForReal(batch) {
  const { path, recursive, pattern, priority, filters, language_priority: languages } = batch;
  const request = { path, recursive, filters, dry_run: false, priority: priority === "low" ? "low" : "normal" };
  if (pattern) request.pattern = pattern;
  if (languages) request.language_priority = languages;
  const done = await attempt(() => api.startBatch(request), "A batch is at work in this folder already.");
  if (done) go(href("batches", done.batch_id));
}

/** Retries a group of problems: exactly the listed ones, not what lies in folders below. */
export async function retryGroup({ reason, folder, count: problems, job_id }) {
  if (problems === 1) await retry({ job_id });
  else await many("retry", { filter: { problem: true, reason: [reason], folder } });
}

export async function dismiss(group) {
  const which = { reason: group.reason, folder: group.folder };
  const done = await attempt(() => api.dismiss(which));
  if (!done) return;
  toast(`Dismissed ${count(group.count, "problem")}.`, { label: "Bring back", action: () => attempt(() => api.restore(which)) });
}

export async function copy(words) {
  let done = true;
  try {
    await navigator.clipboard.writeText(words);
  } catch {
    // Not a secure origin (plain http in a LAN): the old way still works there.
    const focused = document.activeElement;
    const area = document.createElement("textarea");
    area.value = words;
    document.body.append(area);
    area.select();
    done = document.execCommand("copy");
    area.remove();
    focused?.focus({ preventScroll: true });
  }
  if (done) toast("Copied.");
  else toast("The browser did not let it be copied: select it, and copy it by hand.", { alert: true });
  return done;
}
