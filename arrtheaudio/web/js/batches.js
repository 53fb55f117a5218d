// The batches: all of them as cards, and one with its jobs and what could not be read.

import * as actions from "./actions.js";
import * as api from "./api.js";
import { batchCard, hasEnded } from "./batchcard.js";
import { button, h, keyed, text } from "./dom.js";
import { count } from "./format.js";
import { icon } from "./icons.js";
import { JobsPage } from "./jobs.js";
import { nothing } from "./list.js";
import { href } from "./router.js";
import { putBatch, state } from "./store.js";

const PAGE = 50;
const TICK_MS = 15_000;

const scanButton = () => button("Scan a folder", actions.scan, { kind: "primary", symbol: icon("folder", 17) });

class AllBatches {
  constructor(page) {
    this.batches = new Map();
    this.cards = h("div", { class: "stack" }, [1, 2].map(() => h("div", { class: "card" }, h("div", { class: "skeleton" }), h("div", { class: "skeleton" }))));
    this.more = button("Show older ones", () => this.#read(this.batches.size), { hidden: true });
    this.trouble = h("p", { class: "error", role: "alert" });
    page.replaceChildren(
      h("div", { class: "hero" }, h("div", {}, h("h1", {}, "Batches"), h("p", {}, "One batch goes through one folder. Files that are right already are left alone.")), h("div", { class: "acts" }, scanButton())),
      h("div", { class: "stack" }, this.trouble, this.cards, h("div", {}, this.more)));
    this.timer = setInterval(() => this.#draw(), TICK_MS);
    this.#read(0);
  }

  async #read(offset) {
    try {
      const answer = await api.batches(offset, PAGE);
      if (offset === 0) this.batches.clear();
      for (const batch of answer.batches) this.batches.set(batch.batch_id, batch);
      this.more.hidden = this.batches.size >= answer.total;
      text(this.trouble, "");
      this.read = true;
    } catch (error) {
      text(this.trouble, error.message);
    }
    this.#draw();
  }

  #draw() {
    if (!this.read) return;
    const shown = [...this.batches.values()].map((batch) => (hasEnded(batch) ? batch : state.batches.get(batch.batch_id) ?? batch)).sort((one, other) => (one.created_at < other.created_at ? 1 : -1));
    if (!shown.length) {
      this.cards.replaceChildren(h("div", { class: "card empty" }, nothing(icon("folder", 20), "No batch yet.", "A dry run shows what would change, and changes nothing.", scanButton())));
      return;
    }
    this.cards.querySelectorAll(":scope > .empty, :scope > :has(.skeleton)").forEach((node) => node.remove());
    keyed(this.cards, shown, (batch) => batch.batch_id, () => {
      const card = batchCard();
      return { node: h("section", { class: "card" }, card.node), update: card.update };
    });
  }

  regained() {
    this.#read(0);
  }

  paint(changes) {
    const unknown = [...changes.batches].some((id) => !this.batches.has(id));
    const settled = changes.types.has("batch.completed") || changes.types.has("batch.cancelled") || changes.types.has("batch.failed");
    if (changes.reload || unknown || settled) this.#read(0);
    else if (changes.batches.size || changes.types.has("queue.paused") || changes.types.has("queue.resumed")) this.#draw();
  }

  route() {}

  close() {
    clearInterval(this.timer);
  }
}

class OneBatch {
  constructor(page, id) {
    this.id = id;
    this.card = batchCard({ linked: false });
    this.heading = h("h1", {}, h("bdi", {}, "Batch"));
    this.findings = h("section", { class: "card", hidden: true });
    this.holder = h("section", { class: "card", hidden: true }, this.card.node);
    this.jobs = new JobsPage({ heading: h("h2", {}, "Its jobs"), fixed: { batch: id } });
    page.replaceChildren(
      h("div", { class: "hero" }, h("div", {}, this.heading, h("p", {}, h("a", { href: href("batches") }, "← All batches")))),
      h("div", { class: "stack" }, this.holder, this.findings, this.jobs.node));
    this.timer = setInterval(() => this.batch && this.#draw(), TICK_MS);
    this.#read();
  }

  async #read() {
    try {
      this.batch = await api.batch(this.id);
      if (!hasEnded(this.batch)) putBatch(this.batch);
      this.jobs.node.hidden = false;
      this.#draw();
    } catch (error) {
      this.heading.textContent = error.status === 404 ? "This batch was cleaned up." : error.message;
      this.jobs.node.hidden = true;
    }
  }

  #draw() {
    const known = state.batches.get(this.id);
    const batch = known && !hasEnded(this.batch) ? { ...this.batch, ...known } : this.batch;
    text(this.heading.firstChild, batch.path);
    this.holder.hidden = false;
    this.card.update(batch);
    const errors = batch.discovery_errors;
    this.findings.hidden = !errors.length;
    this.findings.replaceChildren(h("header", {}, h("h2", {}, `${count(errors.length, "place")} could not be read`)), h("ul", { class: "findings" }, errors.map((error) => h("li", {}, h("bdi", {}, error)))));
  }

  regained() {
    this.#read();
    this.jobs.regained();
  }

  paint(changes) {
    this.jobs.paint(changes);
    if (!this.batch) return;
    const ended = changes.types.has("batch.completed") || changes.types.has("batch.cancelled") || changes.types.has("batch.failed");
    if (changes.reload || (changes.batches.has(this.id) && ended) || changes.types.has("job.undone")) this.#read();
    else if (changes.batches.has(this.id)) this.#draw();
  }

  route(route) {
    this.jobs.route({ query: route.query, id: null });
  }

  close() {
    clearInterval(this.timer);
    this.jobs.close();
  }
}

/** `#/batches` and `#/batches/ID`. */
export const mount = (page, route) => (route.id ? new OneBatch(page, route.id) : new AllBatches(page));
