// The jobs page: filters, chips with counts, the list, selection, actions on all that match.

import * as actions from "./actions.js";
import * as api from "./api.js";
import { attribute, button, h, keyed, text } from "./dom.js";
import * as filters from "./filters.js";
import { number } from "./format.js";
import { icon } from "./icons.js";
import { JobList, nothing, selected } from "./list.js";
import { paged } from "./prefs.js";
import { href, replace } from "./router.js";
import { actions as verbs } from "./words.js";

const TYPING_MS = 150;
const RECOUNT_MS = 1_000;
const AGEING_MS = 5_000; // rows tell how long ago it was

let PagedJobs = null;

/** Fetches the list in pages, for those who asked for it; before a page is mounted. */
export async function prepare() {
  if (paged()) ({ PagedJobs } = await import("./paged.js"));
}

/** Mounts the page; `fixed` are address parameters that always hold (a batch's jobs). */
export class JobsPage {
  constructor({ heading, fixed = {} }) {
    this.fixed = fixed;
    this.selection = new Map();
    this.facets = null;
    this.undoable = 0; // of the changes that are listed
    this.acts = h("div", { class: "acts" });
    this.search = h("input", { class: "input", type: "search", placeholder: "Title or path", "aria-label": "Search by title or path", autocomplete: "off", spellcheck: "false" });
    this.source = this.#select("Source", filters.SOURCES, "source");
    this.time = this.#select("Time", filters.TIMES, "since");
    this.picking = button("Select", () => this.#togglePicking(), { "aria-pressed": "false" });
    this.chips = h("div", { class: "chips", role: "group", "aria-label": "Result" });
    const List = (paged() && PagedJobs) || JobList;
    this.list = new List({
      hrefOf: (job) => href("jobs", job.job_id, this.query),
      selection: this.selection,
      onSelect: () => this.#drawActs(),
      empty: () => this.#empty(),
    });
    this.ageing = setInterval(() => document.hidden || this.list.draw(), AGEING_MS);
    this.search.addEventListener("input", () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.#set("q", this.search.value.trim()), TYPING_MS);
    });
    this.node = h("div", { class: "jobs-page" },
      h("div", { class: "hero" }, heading, this.acts),
      h("div", { class: "tools" }, h("label", { class: "search" }, icon("search", 17), this.search, h("kbd", { "aria-hidden": "true", class: "no-phone" }, "/")), this.source, this.time, this.picking),
      this.chips, this.list.node);
  }

  #select(label, options, name) {
    const node = h("select", { class: "select", "aria-label": label }, options.map(([value, words]) => h("option", { value }, words)));
    node.addEventListener("change", () => this.#set(name, node.value));
    return node;
  }

  /** Shows what the address says. */
  route({ query, id }) {
    const wanted = new URLSearchParams(query);
    for (const [name, value] of Object.entries(this.fixed)) wanted.set(name, value);
    const same = this.query && String(this.query) === String(wanted);
    this.query = wanted;
    if (!same) {
      if (document.activeElement !== this.search) this.search.value = wanted.get("q") ?? "";
      this.source.value = wanted.get("source") ?? "";
      this.time.value = wanted.get("since") ?? "";
      this.selection.clear();
      this.refresh();
    }
    this.list.mark(id);
  }

  regained() {
    this.list.regained();
    this.#settle();
  }

  /** Reads the list and the counts again. */
  refresh(stay = false) {
    this.list.open(filters.parameters(this.query), stay);
    this.#count();
    this.#drawChips();
    this.#drawActs();
  }

  #set(name, value) {
    const query = new URLSearchParams(this.query);
    if (value) query.set(name, value);
    else query.delete(name);
    for (const fixed of Object.keys(this.fixed)) query.delete(fixed);
    const place = location.hash.split("?")[0];
    const text = String(query);
    replace(text ? `${place}?${text}` : place);
  }

  async #count() {
    const asked = this.query;
    try {
      const read = (parameters) => api.jobs({ ...parameters, facets: "true", limit: 1 });
      const undoes = filters.chip(asked)?.action === "undo"; // to know how many, each change is looked at
      const [answer, changes] = await Promise.all([read(filters.facetParameters(asked)), undoes && read(filters.parameters(asked))]);
      if (asked !== this.query) return;
      this.facets = { ...answer.facets };
      this.undoable = changes ? changes.facets.undoable : 0;
    } catch {
      this.facets = null; // the list itself tells what is wrong
    }
    this.#drawChips();
    this.#drawActs();
  }

  /** Counts again, a little later. */
  #recount() {
    this.counting ??= setTimeout(() => {
      this.counting = null;
      this.#count();
    }, RECOUNT_MS);
  }

  /** Counts once more when it has become quiet: events told twice, or not told in full, leave nothing behind. */
  #settle() {
    clearTimeout(this.settling);
    this.settling = setTimeout(() => this.#count(), RECOUNT_MS);
  }

  #drawChips() {
    const active = filters.chip(this.query);
    const chips = filters.CHIPS.map((chip) => ({ ...chip, pressed: chip === active }));
    const tokens = filters.tokens(this.query).filter(([name]) => !(name in this.fixed));
    const all = [...chips, ...tokens.map(([name, words]) => ({ key: `token:${name}`, words, token: name }))];
    keyed(this.chips, all, (chip) => chip.key, (chip) => this.#chip(chip));
  }

  #chip(made) {
    const amount = h("b");
    const node = h("button", { type: "button", class: "chip" });
    if (made.token) {
      const words = h("bdi");
      node.append(words, icon("close", 14), h("span", { class: "sr" }, "Remove this filter"));
      node.addEventListener("click", () => this.#set(made.token, ""));
      return { node, update: (chip) => text(words, chip.words) };
    }
    node.append(made.words, amount);
    node.addEventListener("click", () => this.#set("show", made.key));
    return {
      node,
      update: (chip) => {
        attribute(node, "aria-pressed", String(chip.pressed));
        text(amount, this.facets ? number(this.facets[chip.facet] ?? 0) : "");
      },
    };
  }

  #togglePicking() {
    const on = this.list.node.classList.toggle("selecting");
    attribute(this.picking, "aria-pressed", String(on));
    if (!on) this.#clear();
  }

  #clear() {
    this.selection.clear();
    this.list.draw();
    this.#drawActs();
  }

  /** Buttons for the selection, else for all that match. */
  #drawActs() {
    const picked = [...this.selection.values()];
    const chip = filters.chip(this.query);
    const total = chip?.action === "undo" ? this.undoable : this.facets?.[chip?.facet] ?? 0;
    const wanted = picked.length
      ? [{ key: "selected" }, ...["undo", "retry", "cancel"].map((action) => ({ key: action, jobs: picked.filter(actions.can[action]) })).filter((one) => one.jobs.length), { key: "clear" }]
      : chip?.action && total ? [{ key: `all:${chip.action}`, action: chip.action, total }] : [];
    keyed(this.acts, wanted, (one) => one.key, (one) => this.#act(one.key));
  }

  #act(key) {
    if (key === "selected") {
      const node = h("span", { class: "muted small row", role: "status" });
      return { node, update: () => text(node, selected(this.selection.size)) };
    }
    if (key === "clear") return { node: button("Clear", () => this.#clear(), { kind: "ghost" }) };
    let now;
    const node = button("", () => (now.jobs ? this.#actOnSelected(key, now.jobs) : this.#actOnAll(now)));
    return {
      node,
      update: (one) => {
        now = one;
        text(node, one.jobs ? `${verbs[key].verb} ${number(one.jobs.length)}` : `${verbs[one.action].verb} ${number(one.total)}…`);
      },
    };
  }

  async #actOnSelected(action, jobs) {
    if (jobs.length === 1) await actions[action](jobs[0]);
    else if (!(await actions.many(action, { job_ids: jobs.map((job) => job.job_id) }))) return;
    this.#clear();
  }

  async #actOnAll({ action }) {
    if (await actions.many(action, { filter: filters.filter(this.query) })) this.#count();
  }

  #empty() {
    const words = filters.described(this.query);
    const narrowed = String(this.query) !== String(new URLSearchParams(this.fixed));
    const clear = narrowed ? button("Clear the filters", () => replace(location.hash.split("?")[0])) : null;
    return nothing(icon("search", 20), narrowed ? "No job matches" : "No job yet", words ? `Nothing with ${words}.` : "", clear);
  }

  /** Brings rows and counts to what has happened. */
  paint(changes) {
    if (changes.reload) {
      this.refresh(true);
      return;
    }
    const mine = changes.events.filter((event) => filters.belongs(this.query, event));
    // Whether an older job has a reason, or is a problem, its event does not tell: those are counted again.
    if (this.facets && !this.query.has("reason") && !this.query.has("problem")) mine.forEach((event) => this.#fold(event));
    if (mine.length) this.#settle();
    if (filters.endedOnly(this.query) && changes.types.has("job.undone")) this.#count(); // its event does not tell when it ended
    const shows = filters.showsQueued(this.query);
    const added = shows ? mine.filter((event) => event.type === "job.queued").map((event) => changes.jobs.get(event.job_id)).filter(Boolean) : [];
    for (const [id, job] of this.selection) {
      if (changes.jobs.has(id)) this.selection.set(id, { ...job, ...changes.jobs.get(id) });
    }
    if (filters.chip(this.query)?.action === "undo" && mine.some((event) => event.track_changed || event.kind === "undo" || event.type === "job.undone")) this.#recount();
    if (changes.jobs.size) this.list.update(changes.jobs, added);
    const arrived = mine.filter((event) => filters.joins(this.query, event)).map((event) => event.job_id);
    if (arrived.length) this.list.arrived(arrived);
    this.#drawChips();
    this.#drawActs();
  }

  #fold(event) {
    const facet = filters.facetOf(event);
    const add = (name, step) => {
      this.facets[name] = Math.max(0, (this.facets[name] ?? 0) + step);
    };
    if (event.type === "job.queued") {
      add("all", 1);
      if (!event.refused) add("waiting", 1);
    } else if (event.type === "job.started") add("waiting", -1);
    else if (event.type === "job.waiting_for_space") add("waiting", 1);
    else if (event.status === "queued" && event.type !== "job.space_found") add("waiting", 1);
    else if (event.type === "job.undone") add("changed", -1);
    if (event.type === "job.cancelled" && !event.wasRunning) add("waiting", -1);
    if (filters.endedOnly(this.query)) add("all", 1);
    if (facet) add(facet, 1);
  }

  close() {
    clearTimeout(this.typing);
    clearTimeout(this.counting);
    clearTimeout(this.settling);
    clearInterval(this.ageing);
    this.list.close();
  }
}

/** `#/jobs`. */
export function mount(page) {
  const jobs = new JobsPage({ heading: h("div", {}, h("h1", {}, "Jobs")) });
  page.replaceChildren(jobs.node);
  return jobs;
}
