// What the page knows of the daemon. Fed by hello and events only; never polls.
//
// Counters move with every event; of jobs only the newest state since the last
// paint is kept, for the views that show them. A hidden page keeps counters only
// and asks its view to read again once it is seen.

import { SpeedMeter } from "./speed.js";

const PAINT_MS = 250;
const ORIGINS = 1000;
const ENDS = new Set(["job.completed", "job.failed", "job.cancelled"]);
const BACK = new Set(["job.retrying", "job.deferred", "job.interrupted", "job.space_found"]);
const BATCH_STATUS = {
  "batch.queued": "queued", "batch.started": "running", "batch.cancelling": "cancelling",
  "batch.completed": "completed", "batch.cancelled": "cancelled", "batch.failed": "failed",
};

export const state = {
  ready: false, // a hello has come
  link: "connecting", // connecting | live | lost
  stopping: false,
  lostAt: null,
  version: null,
  newVersion: false,
  head: 0, // what hello contains; later events move the counters
  queued: 0, running: 0, waiting: 0, workers: { total: 0 },
  paused: false,
  today: { checked: 0, changed: 0 },
  problems: 0,
  batches: new Map(), // unfinished ones, and those that ended while we looked
  active: new Map(), // running jobs by id
  roots: [],
};

export const speed = new SpeedMeter();

const listeners = new Set();
const origins = new Map();
let changes = fresh();
let painted = 0;
let scheduled = false;

function fresh() {
  return { jobs: new Map(), events: [], batches: new Set(), types: new Set(), reload: false };
}

/** Calls `listener(changes)` when something changed: at most every 250 ms, and seen. */
export function watch(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Asks for a paint. */
export function touch() {
  if (scheduled || document.hidden) return;
  scheduled = true;
  const rest = Math.max(0, PAINT_MS - (performance.now() - painted));
  setTimeout(() => requestAnimationFrame(paint), rest);
}

/** Asks every view to read again what it shows. */
export function reload() {
  changes.reload = true;
  touch();
}

function paint() {
  scheduled = false;
  painted = performance.now();
  const now = changes;
  changes = fresh();
  for (const listener of [...listeners]) listener(now);
}

document.addEventListener("visibilitychange", touch);

/** The first message of a connection: the truth at its number. */
export function hello(message, resumed) {
  Object.assign(state, { ready: true, link: "live", stopping: false, lostAt: null, head: message.seq });
  state.newVersion = state.version !== null && state.version !== message.version;
  state.version = message.version;
  state.paused = message.paused;
  state.workers = message.workers;
  state.today = { ...message.today };
  state.problems = message.problems;
  takeQueue(message.queue);
  const ended = [...state.batches.values()].filter((one) => one.completed_at);
  state.batches = new Map([...ended, ...message.batches].map((one) => [one.batch_id, one]));
  if (!resumed) speed.restart();
  changes.types.add("hello");
  touch();
}

/** The queue's numbers as hello and GET /queue spell them. */
export function takeQueue(queue) {
  state.queued = queue.queued;
  state.running = queue.running;
  state.waiting = queue.waiting_for_space;
  state.active = new Map((queue.current_jobs ?? []).map((job) => [job.job_id, { job_id: job.job_id, file_path: job.file, started_at: job.started_at, worker_id: job.worker_id }]));
  touch();
}

/** Events in order; those that hello contains already change rows, but no counter. */
export function events(list) {
  for (const event of list) {
    const isNew = event.seq > state.head;
    if (event.type.startsWith("job.")) jobEvent(event, isNew);
    else if (event.type.startsWith("batch.")) batchEvent(event);
    else queueEvent(event, isNew);
    changes.types.add(event.type);
  }
  touch();
}

function jobEvent(event, isNew) {
  event.wasRunning = state.active.has(event.job_id);
  if (isNew) {
    count(event);
    if (ENDS.has(event.type)) speed.ended();
  }
  if (document.hidden) {
    changes.reload = true;
    return;
  }
  changes.events.push(event);
  const { seq, at, type, title, ...fields } = event;
  const before = changes.jobs.get(event.job_id) ?? origins.get(event.job_id);
  const job = { ...before, ...fields, ...times(event) };
  if (type === "job.queued") remember(Object.assign(job, { context: { title }, isNew: true }));
  changes.jobs.set(event.job_id, job);
}

/** What only the first event of a job tells, for the rows that later events make. */
function remember({ job_id: id, context, kind, undo_of, dry_run, created_at }) {
  origins.set(id, { context, kind, undo_of, dry_run, created_at });
  if (origins.size > ORIGINS) origins.delete(origins.keys().next().value);
}

/** The fields that an event implies without saying them. */
function times({ type, at }) {
  if (type === "job.queued") return { created_at: at, updated_at: at };
  if (type === "job.started") return { started_at: at, updated_at: at, reason: null };
  if (type === "job.undone") return { undone: true, updated_at: at };
  return ENDS.has(type) ? { completed_at: at, updated_at: at } : { updated_at: at };
}

function leave(id) {
  if (state.active.delete(id)) state.running = Math.max(0, state.running - 1);
  else state.queued = Math.max(0, state.queued - 1);
}

function count(event) {
  const { type, job_id: id } = event;
  if (type === "job.queued") state.queued += 1;
  else if (type === "job.started") {
    leave(id);
    state.running += 1;
    state.active.set(id, { job_id: id, file_path: event.file_path, started_at: event.at, worker_id: event.worker_id });
  } else if (type === "job.space_found") {
    state.waiting = Math.max(0, state.waiting - 1);
    state.queued += 1;
  } else if (type === "job.waiting_for_space") {
    leave(id);
    state.waiting += 1;
  } else if (BACK.has(type)) {
    leave(id);
    state.queued += 1;
  } else if (ENDS.has(type)) end(event);
}

function end(event) {
  // Of a cancelled job that was not running, only the daemon knows where it waited.
  if (event.type === "job.cancelled" && state.waiting && !state.active.has(event.job_id)) changes.types.add("queue.unclear");
  else leave(event.job_id);
  if (event.type === "job.cancelled" || event.kind === "undo") return;
  state.today.checked += 1;
  if (event.track_changed) state.today.changed += 1;
}

function batchEvent(event) {
  const id = event.batch_id;
  changes.batches.add(id);
  const known = state.batches.get(id);
  if (!known) {
    changes.types.add("batch.unknown");
    return;
  }
  if (event.type in BATCH_STATUS) known.status = BATCH_STATUS[event.type];
  if (event.type === "batch.started") known.started_at = event.at;
  if (event.type === "batch.discovered") known.discovery_complete = event.complete ?? known.discovery_complete;
  if (["completed", "cancelled", "failed"].includes(known.status)) {
    known.completed_at = event.at;
    known.error = event.error ?? known.error;
  }
}

/** The newest totals of a batch. */
export function progress(message) {
  const known = state.batches.get(message.batch_id);
  if (known) known.progress = message.progress;
  changes.batches.add(message.batch_id);
  touch();
}

function queueEvent(event, isNew) {
  if (!isNew) return;
  if (event.type === "queue.paused") state.paused = true;
  else if (event.type === "queue.resumed") state.paused = false;
  else if (event.type === "daemon.stopping") state.stopping = true;
}

/** A batch that was read or has just been started. */
export function putBatch(batch) {
  state.batches.set(batch.batch_id, batch);
  changes.batches.add(batch.batch_id);
  touch();
}

/** Signed out: nothing is lost, nothing is known. */
export function away() {
  Object.assign(state, { link: "connecting", lostAt: null });
  touch();
}

export function lost() {
  state.link = "lost";
  state.lostAt ??= Date.now();
  touch();
}
