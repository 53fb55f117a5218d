// The rows behind a windowed list: pages of 200, ten kept, stable while jobs arrive.
//
// Rows are counted from the first one that was there when the list was opened;
// newer ones stand before it, at negative numbers. A page is asked for behind the
// nearest row whose sequence number is known, so nothing shifts, and no offset
// has to pass the API's 100,000.

import * as api from "./api.js";

const PAGE = 200;
const KEPT = 10;
const FARTHEST = 100_000 / PAGE;
export const FRESH_KEPT = 200;

/** The sequence number inside an id. */
const seqOf = (job) => Number.parseInt(job.job_id.slice(4), 16);

export class JobPages {
  /** `changed()` is called when rows came or an error did. */
  constructor(parameters, changed) {
    this.parameters = parameters;
    this.changed = changed;
    this.total = null; // of the rows from 0 on
    this.fresh = []; // newest first: rows -1, -2, … are fresh.at(-1), fresh.at(-2), …
    this.pages = new Map(); // number: rows; the most recently used last
    this.starts = [undefined]; // sequence number before which a page begins
    this.error = null;
    this.wanted = [];
    this.loading = false;
    this.late = new Map(); // what was told while a page was on its way
    this.abort = new AbortController();
  }

  close() {
    this.abort.abort();
  }

  /** All rows, the newer ones too. */
  get size() {
    return (this.total ?? 0) + this.fresh.length;
  }

  /** Row `number` (negative: newer than the list), or undefined while it is not here. */
  at(number) {
    if (number < 0) return this.fresh.at(number);
    return this.pages.get(Math.floor(number / PAGE))?.[number % PAGE];
  }

  /** Rows from `first` to `last` are on screen: has them loaded, one page after the other. */
  want(first, last) {
    if (this.total === null) first = last = 0;
    const end = Math.min(last, Math.max(0, (this.total ?? 1) - 1));
    const numbers = [];
    for (let page = Math.floor(Math.max(0, first) / PAGE); page <= Math.floor(end / PAGE); page += 1) numbers.push(page);
    this.wanted = numbers;
    this.#work();
  }

  /** After an error: again. */
  retry() {
    this.error = null;
    this.#work();
  }

  /** A job that has just been queued stands on top. */
  prepend(job) {
    this.fresh.unshift(job);
  }

  /** Brings rows that are here to a newer state; gives how many there were. */
  update(jobs) {
    let found = 0;
    if (this.loading) for (const [id, job] of jobs) this.late.set(id, { ...this.late.get(id), ...job });
    for (const rows of [this.fresh, ...this.pages.values()]) found += this.#bring(rows, jobs);
    return found;
  }

  #bring(rows, jobs) {
    let found = 0;
    rows.forEach((row, place) => {
      const newer = jobs.get(row.job_id);
      if (!newer) return;
      rows[place] = { ...row, ...newer, context: row.context ?? newer.context };
      found += 1;
    });
    return found;
  }

  *rows() {
    yield* this.fresh;
    for (const rows of this.pages.values()) yield* rows;
  }

  async #work() {
    if (this.loading || this.error) return;
    const page = this.wanted.find((number) => !this.pages.has(number));
    if (page === undefined) return;
    this.loading = true;
    this.late.clear();
    try {
      await this.#load(page);
    } catch (error) {
      if (error.name === "AbortError") return;
      this.error = error;
    } finally {
      this.loading = false;
    }
    this.changed();
    this.#work();
  }

  async #load(page) {
    let from = page;
    while (from > 0 && this.starts[from] === undefined) from -= 1;
    while (page - from >= FARTHEST) from = await this.#hop(from);
    const answer = await this.#ask(from, (page - from) * PAGE, PAGE);
    const rows = answer.jobs;
    if (page === 0) {
      this.total = answer.total;
      if (rows.length) this.starts[0] = seqOf(rows[0]) + 1;
    }
    if (rows.length === PAGE) this.starts[page + 1] = seqOf(rows.at(-1));
    else if (page > 0) this.total = Math.min(this.total, page * PAGE + rows.length);
    this.pages.set(page, rows);
    if (this.late.size) this.#bring(rows, this.late);
    this.#forget(page);
  }

  /** Finds the start of a page that lies as far away as one request may look. */
  async #hop(from) {
    const answer = await this.#ask(from, FARTHEST * PAGE - 1, 1);
    if (!answer.jobs.length) throw new Error("The list has become shorter. Open it again.");
    this.starts[from + FARTHEST] = seqOf(answer.jobs[0]);
    return from + FARTHEST;
  }

  #ask(from, offset, limit) {
    const before = this.starts[from];
    return api.jobs({ ...this.parameters, before, offset, limit }, this.abort.signal);
  }

  #forget(newest) {
    const rows = this.pages.get(newest);
    this.pages.delete(newest);
    this.pages.set(newest, rows);
    for (const number of this.pages.keys()) {
      if (this.pages.size <= KEPT) return;
      if (!this.wanted.includes(number)) this.pages.delete(number);
    }
  }
}
