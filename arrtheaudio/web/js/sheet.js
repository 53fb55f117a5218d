// One job over the list: its path, its tracks with the reasons, how, history, and what can be done.

import * as actions from "./actions.js";
import * as api from "./api.js";
import { button, h, path } from "./dom.js";
import { ago, bytes, fullTime, language, names, preciseTime, span, trackFacts } from "./format.js";
import { icon } from "./icons.js";
import { go, href } from "./router.js";
import { brief, event as eventWords, headline, how, source, summary } from "./words.js";

const BADGES = { "tone-ok": "ok", "tone-bad": "bad", "tone-warn": "warn", "tone-quiet": "quiet" };
const REREAD_MS = 300;
const phone = matchMedia("(max-width: 760px)");

export class Sheet {
  /** `slot` holds the sheet; `behind` is inert while a phone shows nothing else. */
  constructor(slot, behind) {
    this.slot = slot;
    this.behind = behind;
    this.id = null;
    phone.addEventListener("change", () => this.#shield());
  }

  #shield() {
    this.behind.inert = this.id !== null && phone.matches;
  }

  /** Opens the job of this id, or closes with null; `known` is its row, shown at once. */
  open(id, query, known) {
    this.query = query;
    if (id === this.id) return;
    this.id = id;
    this.job = known ?? null;
    clearTimeout(this.timer);
    this.timer = null;
    if (id === null) {
      this.slot.replaceChildren();
      this.#shield();
      return;
    }
    this.#frame();
    this.#draw();
    this.title.focus({ preventScroll: true });
    this.#shield();
    this.#read();
  }

  close() {
    go(href("jobs", null, this.query));
  }

  #frame() {
    this.badge = h("span", { class: "badge quiet" });
    this.title = h("h2", { id: "sheet-title", tabindex: "-1" });
    this.said = h("p", { class: "muted" });
    this.body = h("div", { class: "body", tabindex: "0", role: "group", "aria-label": "About this job" });
    this.foot = h("footer");
    const close = button("", () => this.close(), { kind: "ghost square", symbol: icon("close"), "aria-label": "Close" });
    this.slot.replaceChildren(h("section", { class: "sheet", role: "dialog", "aria-labelledby": "sheet-title" },
      h("header", {}, this.badge, h("div", { class: "grow" }, this.title, this.said), close), this.body, this.foot));
  }

  async #read() {
    const { id } = this;
    try {
      const job = await api.job(id);
      if (id !== this.id) return;
      this.job = job;
      this.#draw();
    } catch (error) {
      if (id !== this.id) return;
      const gone = error.status === 404;
      this.title.textContent = gone ? "This job was cleaned up." : this.title.textContent || "This job";
      this.body.replaceChildren(h("p", { class: "muted" }, gone ? "Old jobs are removed from the history; the file itself was not touched by that." : error.message));
      if (!gone) this.body.append(h("div", {}, button("Retry", () => this.#read())));
      this.foot.replaceChildren();
    }
  }

  /** The newest state of the job, if it is this one. */
  paint(changes) {
    if (this.id === null) return;
    const newer = changes.jobs.get(this.id);
    if (newer && this.job) this.job = { ...this.job, ...newer, context: this.job.context };
    if (newer) this.#draw();
    if ((newer || changes.reload) && !this.timer) {
      this.timer = setTimeout(() => {
        this.timer = null;
        this.#read();
      }, REREAD_MS);
    }
  }

  #draw() {
    const { job } = this;
    if (!job) {
      this.title.textContent = "One moment…";
      this.body.replaceChildren(...[1, 2, 3].map(() => h("div", { class: "skeleton" })));
      return;
    }
    const { icon: symbol, tone } = summary(job);
    this.badge.className = `badge ${BADGES[tone]}`;
    this.badge.replaceChildren(icon(symbol, 18, symbol === "work" ? "spin" : ""));
    this.title.textContent = names(job.file_path, job.context?.title).title;
    const at = job.completed_at ?? job.started_at ?? job.created_at;
    this.said.textContent = `${headline(job)} · ${ago(at)}${ago(at) === "now" ? "" : " ago"}`;
    this.said.title = fullTime(at);
    const scrolled = this.body.scrollTop;
    const focus = this.body.contains(document.activeElement) || this.foot.contains(document.activeElement) ? document.activeElement.dataset.name : null;
    this.body.replaceChildren(...[this.#path(), this.#notice(), this.#tracks(), this.#facts(), this.#history()].filter(Boolean));
    this.foot.replaceChildren(...this.#acts());
    this.body.scrollTop = scrolled;
    if (focus) (this.slot.querySelector(`[data-name="${focus}"]`) ?? this.title).focus({ preventScroll: true });
  }

  #path() {
    const { folder, file } = names(this.job.file_path);
    const words = h("span", { class: "grow" }, path("", {}));
    words.firstChild.append(`${folder === "/" ? "" : folder}/`, h("b", {}, file));
    const copy = button("", () => actions.copy(this.job.file_path), { kind: "ghost square", symbol: icon("copy", 16), "aria-label": "Copy the path" });
    copy.dataset.name = "path";
    return h("div", { class: "path" }, words, copy);
  }

  #notice() {
    const { job } = this;
    const said = brief(job.message, job.file_path);
    if (job.status === "failed") return h("p", { class: "notice" }, said);
    const warns = job.status === "waiting_for_space" || (job.result === "skipped" && job.reason !== "already_correct");
    return warns && said ? h("p", { class: "notice warn" }, said) : null;
  }

  #tracks() {
    const { tracks } = this.job;
    if (!tracks?.length) return null;
    const after = this.job.track_changed && !this.job.undone;
    const row = (track) => {
      const isDefault = after ? track.chosen : track.default;
      const tag = isDefault ? "Default" : track.default ? "was default" : track.chosen && this.job.status === "completed" && this.job.dry_run ? "would be default" : null;
      return h("li", { class: isDefault ? "on" : null },
        h("i", { class: "radio", "aria-hidden": "true" }),
        h("div", {}, h("b", {}, language(track.language)), " ", h("bdi", { class: "muted" }, trackFacts(track)), h("p", { class: "small muted" }, track.why)),
        tag && h("span", { class: "tag" }, tag));
    };
    return h("div", {}, h("h3", {}, "Audio tracks"), h("ul", { class: "tracks" }, tracks.map(row)));
  }

  #facts() {
    const { job } = this;
    const fact = (name, ...value) => h("div", {}, h("dt", {}, name), h("dd", {}, ...value));
    const link = (words, to) => h("a", { href: to }, words);
    return h("dl", { class: "facts" },
      fact("How", how(job)),
      fact("Took", span(job.duration_ms)),
      fact("From", job.batch_id ? link("A batch", href("batches", job.batch_id)) : source(job.source, job.instance)),
      job.attempt ? fact("Attempt", `${job.attempt} of ${job.max_attempts}`) : null,
      job.size_bytes ? fact("Size", bytes(job.size_bytes)) : null,
      job.context?.original_language ? fact("Original language", language(job.context.original_language)) : null,
      job.retry_of ? fact("Retry of", link("the job before", href("jobs", job.retry_of))) : null,
      job.undo_of ? fact("Undoes", link("this change", href("jobs", job.undo_of))) : null);
  }

  #history() {
    const { events } = this.job;
    if (!events?.length) return null;
    const line = (entry) => h("li", {}, h("time", { datetime: entry.at, title: fullTime(entry.at) }, preciseTime(entry.at)), h("span", {}, eventWords(entry, this.job)));
    return h("div", {}, h("h3", {}, "History"), h("ol", { class: "timeline" }, events.map(line)));
  }

  #acts() {
    const { job } = this;
    const made = [];
    const add = (name, words, action, extra) => {
      const node = button(words, action, extra);
      node.dataset.name = name;
      made.push(node);
    };
    if (actions.can.undo(job)) add("undo", "Undo change", () => actions.undo(job), { symbol: icon("undo", 17) });
    if (actions.can.retry(job)) add("retry", "Retry", () => actions.retry(job), { kind: "primary", symbol: icon("retry", 17) });
    if (actions.can.cancel(job)) add("cancel", "Cancel job", () => actions.cancel(job));
    if (job.status === "completed" && job.dry_run && job.result === "success") add("real", "Do it for real", () => actions.process(job), { kind: "primary" });
    if (job.undone) add("again", "Do it again", () => actions.process(job));
    add("link", "Copy link", () => actions.copy(location.href.split("?")[0]), { kind: "ghost" });
    return made;
  }
}
