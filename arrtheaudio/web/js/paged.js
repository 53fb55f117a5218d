// The same list in pages of 50, in the page's own flow; for those who asked for it.

import * as api from "./api.js";
import { button, h, keyed, text } from "./dom.js";
import { number } from "./format.js";
import { pick, pickableRow } from "./rows.js";

const PAGE = 50;

export class PagedJobs {
  constructor({ hrefOf, selection, onSelect, empty }) {
    Object.assign(this, { hrefOf, selection, onSelect, empty });
    this.rows = null; // until they come
    this.late = new Map(); // what was told while rows were on their way
    this.total = 0;
    this.page = 0;
    this.current = null;
    this.list = h("ul", { class: "jobs", "aria-label": "Jobs, newest first" });
    this.space = h("div", { class: "empty", hidden: true });
    this.where = h("span", { role: "status" });
    this.back = button("Newer", () => this.#turn(-1), { kind: "slim" });
    this.forth = button("Older", () => this.#turn(1), { kind: "slim" });
    this.trouble = h("div", { class: "inline-error", role: "alert", hidden: true });
    this.scroller = h("div", { class: "scroller", tabindex: "-1" }, this.list, this.space);
    this.node = h("div", { class: "card list" }, this.trouble, this.scroller, h("div", { class: "pager" }, this.back, this.where, this.forth));
  }

  open(parameters, stay = false) {
    this.parameters = parameters;
    if (stay && this.rows) return this.#load(this.page);
    this.rows = null;
    this.starts = [undefined];
    return this.#load(0);
  }

  close() {
    this.parameters = null;
  }

  async #turn(step) {
    if (!(await this.#load(this.page + step))) return;
    this.scroller.scrollTop = 0;
    this.list.querySelector("a")?.focus();
  }

  async #load(page) {
    const { parameters } = this;
    const asked = (this.asked = {});
    this.late.clear();
    this.trouble.hidden = true;
    try {
      const answer = await api.jobs({ ...parameters, before: this.starts[page], limit: PAGE });
      if (asked !== this.asked || parameters !== this.parameters) return false;
      this.page = page;
      this.rows = answer.jobs;
      this.#bring(this.late);
      if (page === 0) this.total = answer.total;
      if (this.rows.length) this.starts[page + 1] = Number.parseInt(this.rows.at(-1).job_id.slice(4), 16);
    } catch (error) {
      if (asked !== this.asked || parameters !== this.parameters) return false;
      this.failed = page;
      this.trouble.hidden = false;
      this.trouble.replaceChildren(h("span", { class: "grow" }, error.title ?? error.message), button("Retry", () => this.#load(page), { kind: "slim" }));
    }
    this.asked = null;
    this.draw();
    return this.trouble.hidden;
  }

  /** Reads again what could not be read. */
  regained() {
    if (!this.trouble.hidden) this.#load(this.failed);
  }

  #bring(jobs) {
    this.rows = this.rows.map((row) => (jobs.has(row.job_id) ? { ...row, ...jobs.get(row.job_id), context: row.context } : row));
  }

  draw() {
    if (!this.rows) return;
    keyed(this.list, this.rows, (job) => job.job_id, () => this.#row());
    const first = this.page * PAGE + 1;
    text(this.where, this.rows.length ? `${number(first)} to ${number(first + this.rows.length - 1)} of ${number(this.total)}` : "");
    this.back.disabled = this.page === 0;
    this.forth.disabled = first + this.rows.length > this.total;
    const none = !this.rows.length && this.trouble.hidden;
    if (none && this.space.hidden) this.space.replaceChildren(...this.empty());
    this.space.hidden = !none;
  }

  #row() {
    const row = pickableRow(this);
    return { node: row.node, update: row.show };
  }

  pick(job, on) {
    pick(this, job, on);
  }

  /** Newer states in place; new jobs are seen when the first page is opened again. */
  update(jobs, added) {
    if (this.asked) for (const [id, job] of jobs) this.late.set(id, { ...this.late.get(id), ...job });
    if (!this.rows) return;
    this.#bring(jobs);
    if (added.length) this.arrived();
    this.draw();
  }

  /** Jobs that belong here since they ended: an empty list shows them, others when they are opened again. */
  arrived() {
    if (this.rows && !this.rows.length && this.parameters) this.open(this.parameters);
  }

  mark(id) {
    this.current = id;
    this.draw();
  }

  focusJob(id) {
    const place = (this.rows ?? []).findIndex((job) => job.job_id === id);
    (this.list.children[place]?.querySelector("a") ?? this.scroller).focus();
  }

  focusedJob() {
    const place = [...this.list.children].findIndex((node) => node.contains(document.activeElement));
    return this.rows?.[place] ?? null;
  }

  move(step) {
    const links = [...this.list.querySelectorAll("a.job")];
    const place = links.findIndex((link) => link.parentNode.contains(document.activeElement));
    links[Math.max(0, Math.min(links.length - 1, place + step))]?.focus();
  }
}
