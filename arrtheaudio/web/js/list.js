// A list of any length with the rows on screen only: fixed heights, nodes used again.

import { attribute, button, h, text } from "./dom.js";
import { count, number } from "./format.js";
import { FRESH_KEPT, JobPages } from "./pages.js";
import { pick, pickableRow } from "./rows.js";

const OVERSCAN = 6;
const NODES = 60;
const HIGHEST_PX = 10_000_000; // browsers lose precision far above; beyond it positions are scaled

export class JobList {
  /** `hrefOf(job)` is a row's address; `selection` a Map of picked jobs by id. */
  constructor({ hrefOf, selection, onSelect, empty }) {
    Object.assign(this, { hrefOf, selection, onSelect, empty });
    this.pages = null;
    this.shown = new Map(); // row number: its node
    this.current = null;
    this.queuedUp = []; // new jobs that wait behind the pill
    this.rowPx = 58;
    this.list = h("ul", { class: "jobs window", "aria-label": "Jobs, newest first" });
    this.space = h("div", { class: "empty", hidden: true });
    this.scroller = h("div", { class: "scroller", tabindex: "-1" }, this.list, this.space);
    this.pill = button("", () => this.top(), { kind: "primary slim pill", hidden: true });
    this.trouble = h("div", { class: "inline-error", role: "alert", hidden: true });
    this.node = h("div", { class: "card list" }, this.trouble, this.scroller, this.pill);
    this.scroller.addEventListener("scroll", () => this.#soon());
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.scroller);
  }

  /** Shows the rows of these parameters, from the top; with `stay` from where it stands. */
  open(parameters, stay = false) {
    this.parameters = parameters;
    this.before = stay ? this.pages?.size ?? 0 : 0;
    this.pages?.close();
    this.pages = new JobPages(parameters, () => this.#loaded());
    this.early = []; // what was told while the first rows were on their way
    this.queuedUp = [];
    this.pill.hidden = true;
    if (!stay) this.scroller.scrollTop = 0;
    this.draw();
  }

  close() {
    this.pages?.close();
    this.resized.disconnect();
  }

  /** Reads again what could not be read. */
  regained() {
    if (this.pages?.error) this.pages.retry();
  }

  /** To the newest row, with all that has come. */
  top() {
    this.open(this.parameters);
    this.scroller.focus({ preventScroll: true });
  }

  #loaded() {
    if (this.pages.total !== null) {
      for (const tell of this.early.splice(0)) tell();
    }
    this.draw();
  }

  #soon() {
    if (this.scheduled) return;
    this.scheduled = true;
    requestAnimationFrame(() => {
      this.scheduled = false;
      this.draw();
    });
  }

  /** Rows that fit, the row at the top as a fraction, and the scrolling height. */
  #measure() {
    this.rowPx = parseFloat(getComputedStyle(this.scroller).getPropertyValue("--row")) || 58;
    const rows = this.pages.total === null ? Math.max(12, this.before) : this.pages.size;
    const height = Math.min(rows * this.rowPx, HIGHEST_PX);
    const view = this.scroller.clientHeight;
    const top = this.scroller.scrollTop;
    const scaled = rows * this.rowPx > HIGHEST_PX;
    const first = scaled ? (top / Math.max(1, height - view)) * (rows - view / this.rowPx) : top / this.rowPx;
    return { rows, height, view, top, first };
  }

  draw() {
    if (!this.pages || !this.node.isConnected) return;
    const { rows, height, view, top, first } = this.#measure();
    const offset = this.pages.fresh.length;
    const from = Math.max(0, Math.floor(first) - OVERSCAN);
    const until = Math.min(rows, from + NODES, Math.ceil(first + view / this.rowPx) + OVERSCAN);
    this.list.style.height = `${height}px`;
    this.#place(from - offset, until - offset, (numberOf) => top + (numberOf + offset - first) * this.rowPx, rows);
    this.#tell(rows);
    if (until > from || this.pages.total === null) this.pages.want(from - offset, until - 1 - offset);
  }

  #place(from, until, topOf, rows) {
    const free = [];
    for (const [numberOf, row] of this.shown) {
      if (numberOf >= from && numberOf < until) continue;
      if (row.node.contains(document.activeElement)) this.scroller.focus({ preventScroll: true });
      this.shown.delete(numberOf);
      free.push(row);
    }
    let next = this.list.firstChild;
    for (let numberOf = from; numberOf < until; numberOf += 1) {
      let row = this.shown.get(numberOf);
      if (!row) {
        row = free.pop() ?? pickableRow(this);
        this.shown.set(numberOf, row);
      }
      if (row.node === next) next = next.nextSibling;
      else this.list.insertBefore(row.node, next);
      row.node.style.transform = `translateY(${topOf(numberOf)}px)`;
      attribute(row.node, "aria-posinset", numberOf + this.pages.fresh.length + 1);
      attribute(row.node, "aria-setsize", rows);
      row.show(this.pages.at(numberOf));
    }
    for (const row of free) row.node.remove();
  }

  #tell(rows) {
    const { error } = this.pages;
    this.trouble.hidden = !error;
    if (error && this.told !== error) {
      this.trouble.replaceChildren(h("span", { class: "grow" }, error.title ?? error.message), button("Retry", () => this.pages.retry(), { kind: "slim" }));
    }
    this.told = error;
    const none = rows === 0 && !error;
    if (none && this.space.hidden) this.space.replaceChildren(...this.empty());
    this.space.hidden = !none;
    this.list.hidden = none;
    this.pill.hidden = !this.queuedUp.length;
    text(this.pill, `${number(this.queuedUp.length)} new`);
  }

  pick(job, on) {
    pick(this, job, on);
  }

  /** Newer states of jobs, and jobs that belong on top (the oldest first); `early`: told while the rows were read. */
  update(jobs, added, early = false) {
    if (!this.pages) return;
    if (this.pages.total === null) {
      this.early.push(() => this.update(jobs, added, true));
      return;
    }
    this.pages.update(jobs);
    added = added.filter((job) => !this.#knows(job.job_id)); // the rows may be newer than the event
    if (added.length && !this.pages.size && !this.queuedUp.length) { // nothing is here that could move
      this.open(this.parameters);
      return;
    }
    const aside = added.length <= 12 && !this.node.contains(document.activeElement) && !this.node.matches(":hover");
    const calm = (early || aside) && this.scroller.scrollTop < 4 && !this.queuedUp.length && this.pages.fresh.length + added.length <= FRESH_KEPT;
    for (const job of added) {
      if (calm) this.pages.prepend(job);
      else this.queuedUp.push(job.job_id);
    }
    this.draw();
  }

  #knows(id) {
    for (const job of this.pages.rows()) {
      if (job?.job_id === id) return true;
    }
    return false;
  }

  /** Jobs that belong here since they ended, somewhere among the rows: an empty list shows them, else the pill does. */
  arrived(ids) {
    if (!this.pages) return;
    if (this.pages.total === null) {
      this.early.push(() => this.arrived(ids));
      return;
    }
    const strangers = ids.filter((id) => !this.queuedUp.includes(id) && !this.#knows(id));
    if (!strangers.length) return;
    if (this.pages.total === 0 && !this.pages.fresh.length) {
      this.open(this.parameters);
      return;
    }
    this.queuedUp.push(...strangers);
    this.draw();
  }

  /** Marks the row of the opened job. */
  mark(id) {
    this.current = id;
    this.draw();
  }

  /** Puts the focus on the row of a job, if it is on screen. */
  focusJob(id) {
    const row = [...this.shown.values()].find((one) => one.job?.job_id === id);
    (row?.link ?? this.scroller).focus({ preventScroll: true });
  }

  #focused() {
    const active = document.activeElement;
    for (const [numberOf, row] of this.shown) {
      if (row.node.contains(active)) return [numberOf, row];
    }
    return [null, null];
  }

  /** The job of the focused row. */
  focusedJob() {
    return this.#focused()[1]?.job ?? null;
  }

  /** Moves the focus by rows, scrolling as needed. */
  move(step) {
    const fresh = this.pages.fresh.length;
    const [at] = this.#focused();
    const { first, rows } = this.#measure();
    const target = Math.max(-fresh, Math.min(rows - fresh - 1, at === null ? Math.ceil(first) - fresh : at + step));
    this.#reveal(target + fresh, rows);
    this.draw();
    this.shown.get(target)?.link.focus({ preventScroll: true });
  }

  #reveal(index, rows) {
    const { first, view } = this.#measure();
    const fit = view / this.rowPx;
    const wanted = index < first ? index : index + 1 > first + fit ? index + 1 - fit : null;
    if (wanted === null) return;
    const scaled = rows * this.rowPx > HIGHEST_PX;
    this.scroller.scrollTop = scaled ? (wanted / (rows - fit)) * (HIGHEST_PX - view) : wanted * this.rowPx;
  }
}

/** What an empty list says. */
export const nothing = (symbol, title, words, action) => [
  h("span", { class: "badge quiet" }, symbol), h("h2", {}, title), ...(words ? [h("p", {}, words)] : []), ...(action ? [action] : []),
];

export const selected = (total) => `${count(total, "job")} selected`;
