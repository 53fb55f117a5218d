// The overview: a sentence, four numbers, what needs you, what runs, what came last, and charts.

import * as actions from "./actions.js";
import { announce } from "./announce.js";
import * as api from "./api.js";
import { batchCard, hasEnded } from "./batchcard.js";
import { DailyChart, LanguageBars, Spark } from "./charts.js";
import { Connections } from "./connections.js";
import { button, h, keyed, path, text } from "./dom.js";
import { number, span, spelled } from "./format.js";
import { icon, setIcon } from "./icons.js";
import { Problems } from "./problems.js";
import { href } from "./router.js";
import { jobRow } from "./rows.js";
import { speed, state } from "./store.js";

const LATEST = 8;
const WORTH_SHOWING_MS = 1_000; // most jobs take milliseconds
const TICK_MS = 1_000;
const DAYS = 14;

class Overview {
  constructor(page) {
    this.health = null;
    this.latest = null;
    this.asked = false; // whether any job has ended is known, or could not be read
    this.reading = 0; // requests for it that are under way
    this.days = null;
    this.languages = null;
    this.problems = new Problems();
    this.connections = new Connections();
    this.#hero();
    this.#strip();
    this.#cards();
    page.replaceChildren(this.hero, this.strip, this.first, this.columns);
    this.timer = setInterval(() => this.#tick(), TICK_MS);
    this.refresh();
  }

  #hero() {
    this.sentence = h("h1", { class: "loading" }, h("span", { class: "sr" }, "Overview"));
    this.said = h("p");
    this.pause = button("", () => actions.setPaused(!state.paused), { symbol: icon("pause", 17) });
    this.pauseWords = h("span", {}, "Pause");
    this.pause.append(this.pauseWords);
    this.scan = button("Scan a folder", actions.scan, { kind: "primary", symbol: icon("folder", 17) });
    this.acts = h("div", { class: "acts" }, this.pause, this.scan);
    this.hero = h("div", { class: "hero" }, h("div", {}, this.sentence, this.said), this.acts);
  }

  #strip() {
    this.spark = new Spark();
    const cell = (label, to) => {
      const value = h("span", { class: "value" }, h("span", {}, "–"), h("small"));
      const node = h(to ? "a" : "div", { href: to }, h("span", { class: "label" }, label), value);
      return { node, value: value.firstChild, note: value.lastChild };
    };
    this.checked = cell("Checked today", href("jobs", null, { show: "checked", done: "today" }));
    this.changed = cell("Changed today", href("jobs", null, { show: "made", done: "today" }));
    this.waiting = cell("Waiting", href("jobs", null, { show: "waiting" }));
    this.speed = cell("Speed");
    this.speed.node.append(this.spark.node);
    this.strip = h("div", { class: "card strip" }, this.checked.node, this.changed.node, this.waiting.node, this.speed.node);
  }

  #cards() {
    const card = (title, id, link, ...children) => h("section", { class: "card", "aria-labelledby": id }, h("header", {}, h("h2", { id }, title), link), ...children);
    this.batches = h("div");
    this.working = h("ul");
    this.running = card("Running", "running", h("a", { href: href("batches") }, "All batches"), this.batches, this.working);
    this.running.hidden = true;
    this.rows = h("ul", { class: "jobs" }, [1, 2, 3, 4, 5].map(() => h("li", {}, h("div", { class: "skeleton" }))));
    this.last = card("Latest", "latest", h("a", { href: href("jobs") }, "All jobs"), this.rows);
    this.daily = new DailyChart();
    this.chart = card("Last 14 days", "daily", null, this.daily.node);
    this.bars = new LanguageBars();
    this.spoken = card("Made default today", "spoken", null, this.bars.node);
    this.spoken.hidden = true;
    this.first = this.#steps();
    this.columns = h("div", { class: "cols" },
      h("div", { class: "stack" }, this.problems.node, this.running, this.last),
      h("div", { class: "stack" }, this.chart, this.spoken, this.connections.node));
  }

  #steps() {
    this.connect = h("div");
    this.heard = h("p", { class: "muted small" }, "Waiting for the first message…");
    const step = (place, title, ...rest) => h("li", {}, h("span", { class: "num", "aria-hidden": "true" }, place), h("div", { class: "grow" }, h("b", {}, title), ...rest));
    return h("ol", { class: "card steps", hidden: true },
      step("1", "Add a webhook in Sonarr and Radarr", h("p", { class: "muted small" }, "Settings → Connect → Webhook. Tick “On File Import” and “On File Upgrade”."), this.connect),
      step("2", "Press “Test” there", this.heard),
      step("3", "See what would change in your library", h("p", { class: "muted small" }, "A dry run reads headers only, about a millisecond a file, and changes nothing."), button("Dry run a folder", actions.scan, { kind: "primary" })));
  }

  /** The addresses and the key: only a new daemon needs them here. */
  async #tellHow() {
    const { Connect } = await import("./connect.js").catch(() => ({}));
    if (Connect && !this.connect.firstChild) this.connect.replaceChildren(new Connect().node);
  }

  /** Reads what hello does not tell. */
  refresh() {
    this.problems.read();
    this.connections.read();
    this.#readHealth();
    this.#readLatest();
    this.#readCharts();
  }

  async #readHealth() {
    try {
      this.health = await api.health();
    } catch {
      return; // the link's own state tells
    }
    this.connections.health(this.health);
    this.#draw();
  }

  async #readLatest() {
    this.reading += 1;
    try {
      const answer = await api.jobs({ status: ["completed", "failed", "cancelled"], order_by: "updated_at", limit: LATEST });
      this.latest = answer.jobs;
    } catch {
      if (state.link !== "live") return; // read again when it is
    } finally {
      this.reading -= 1;
    }
    this.asked = true;
    if (this.latest) this.#drawLatest();
    this.#draw();
  }

  async #readCharts() {
    try {
      const [daily, spoken] = await Promise.all([api.daily(DAYS), api.breakdown("language", 1)]);
      this.days = daily.days;
      this.languages = new Map(spoken.items.map((item) => [item.key, item.count]));
      this.#drawCharts();
    } catch {
      this.chart.hidden = true;
    }
  }

  /** The connection stands again: what happened meanwhile is in what is read now. */
  regained() {
    this.refresh();
  }

  paint(changes) {
    if (changes.reload) {
      this.refresh();
      return;
    }
    this.#fold(changes);
    this.problems.paint(changes);
    this.connections.paint(changes);
    if (changes.types.has("health.changed")) this.#readHealth();
    for (const id of changes.batches) this.#report(state.batches.get(id));
    this.#draw();
  }

  /** Ended jobs into the charts and on top of the latest. */
  #fold(changes) {
    const ended = changes.events.filter((event) => event.seq > state.head && (event.type === "job.completed" || event.type === "job.failed"));
    if (this.days) {
      const today = this.days.at(-1);
      for (const event of ended.filter((one) => one.kind !== "undo")) {
        if (event.type === "job.failed") today.failed += 1;
        else if (event.track_changed) today.changed += 1;
        else if (event.reason === "already_correct") today.already_correct += 1;
        else if (event.result === "skipped") today.skipped += 1;
        const code = event.track_changed ? event.selected_track?.language : null;
        if (code) this.languages.set(code, (this.languages.get(code) ?? 0) + 1);
      }
      if (ended.length) this.#drawCharts();
    }
    if (!this.latest) return;
    this.latest = this.latest.map((job) => (changes.jobs.has(job.job_id) ? { ...job, ...changes.jobs.get(job.job_id), context: job.context } : job));
    const known = new Set(this.latest.map((job) => job.job_id));
    const newer = [...changes.jobs.values()].filter((job) => job.completed_at && !known.has(job.job_id)).reverse();
    this.latest = [...newer, ...this.latest].slice(0, LATEST);
    this.#drawLatest();
  }

  #drawLatest() {
    if (this.rows.matches(":hover") || this.rows.contains(document.activeElement)) return; // nothing moves under the hand
    if (this.rows.querySelector(".skeleton")) this.rows.replaceChildren();
    keyed(this.rows, this.latest, (job) => job.job_id, () => {
      const row = jobRow();
      return { node: h("li", {}, row.link), update: (job) => row.show(job, href("jobs", job.job_id)) };
    });
    this.last.hidden = !this.latest.length;
  }

  #drawCharts() {
    this.chart.hidden = false;
    this.daily.show(this.days);
    this.spoken.hidden = !this.bars.show(this.languages);
  }

  /** Half done and done are worth a word to screen readers. */
  #report(batch) {
    if (!batch) return;
    const name = batch.path.slice(batch.path.lastIndexOf("/") + 1);
    const { percent, success, failed } = batch.progress;
    const stage = hasEnded(batch) ? "done" : percent >= 50 ? "half" : "begun";
    if (batch.stage && batch.stage !== stage) announce(`Batch ${name}: ${stage === "done" ? batch.status : "half done"}, ${number(success)} changed${failed ? `, ${number(failed)} failed` : ""}`);
    batch.stage = stage;
  }

  #sentences() {
    const live = [...state.batches.values()].filter((batch) => !hasEnded(batch)).length;
    const batches = live ? `${spelled(live, "batch", "batches").toLowerCase()} ${live === 1 ? "is" : "are"} running` : null;
    const failedCheck = this.health?.status === "unhealthy" ? this.health.checks?.find((check) => check.status === "failed") : null;
    if (failedCheck) return ["The daemon is unhealthy.", `${failedCheck.name}: ${failedCheck.detail}`];
    if (this.#isNew()) return ["Ready when you are.", "Nothing has been processed yet. Connect Sonarr and Radarr once, then forget about it."];
    const need = state.problems ? `${spelled(state.problems, "file")} ${state.problems === 1 ? "needs" : "need"} you.` : null;
    if (state.paused) return ["Paused.", `${need ? `${need} ` : ""}Imports are still accepted; ${state.queued ? `${number(state.queued)} wait` : "nothing waits"}.`];
    if (need) return [need, batches ? `Everything else is going well: ${batches}.` : "Everything else is going well."];
    return ["Every file is right.", batches ? `Nothing needs you; ${batches}.` : "Nothing needs you. New imports are put right as they come."];
  }

  #isNew() {
    return this.latest?.length === 0 && !state.batches.size && !state.queued && !state.running && !state.waiting;
  }

  #draw() {
    this.pause.disabled = this.scan.disabled = state.link !== "live";
    if (!state.ready || !this.asked) return; // a new daemon greets otherwise, with other buttons
    const [sentence, said] = this.#sentences();
    this.sentence.className = "";
    text(this.sentence, sentence);
    text(this.said, said);
    const isNew = this.#isNew();
    this.acts.hidden = isNew;
    this.first.hidden = !isNew;
    if (isNew && !this.connect.firstChild) this.#tellHow();
    this.strip.hidden = isNew;
    this.columns.hidden = isNew;
    setIcon(this.pause.querySelector("svg"), state.paused ? "play" : "pause", "");
    text(this.pauseWords, state.paused ? "Resume" : "Pause");
    const { checked, changed } = state.today;
    text(this.checked.value, number(checked));
    text(this.changed.value, number(changed));
    text(this.changed.note, checked ? `${Math.round((100 * changed) / checked)} % of them` : "");
    text(this.waiting.value, number(state.queued + state.waiting));
    this.#drawSpeed();
    this.#drawRunning();
    if (this.connections.heard()) text(this.heard, "Heard. It works.");
  }

  #drawSpeed() {
    const rate = speed.perMinute();
    text(this.speed.value, number(rate));
    text(this.speed.note, rate === null ? "" : rate === 1 ? "file a minute" : "files a minute");
    this.spark.show(speed.series());
  }

  #drawRunning(now = Date.now()) {
    const batches = [...state.batches.values()].filter((batch) => !hasEnded(batch));
    const jobs = [...state.active.values()].map((job) => ({ ...job, ran: now - Date.parse(job.started_at) })).filter((job) => job.ran > WORTH_SHOWING_MS);
    this.running.hidden = !batches.length && !jobs.length;
    keyed(this.batches, batches, (batch) => batch.batch_id, () => batchCard());
    keyed(this.working, jobs, (job) => job.job_id, (job) => {
      const clock = h("span", { class: "muted" });
      const link = h("a", { class: "grow cut", href: href("jobs", job.job_id) }, path(job.file_path));
      return {
        node: h("li", { class: "working" }, icon("work", 18, "tone-ok spin"), link, clock),
        update: (one) => state.link === "live" && text(clock, span(Math.floor(one.ran / 1000) * 1000).replace(".0 s", " s")),
      };
    });
  }

  #tick() {
    if (document.hidden || !state.ready) return;
    this.#drawSpeed();
    this.#drawRunning();
    this.connections.tick();
    if (this.latest) this.#drawLatest();
    else if (state.link === "live" && !this.reading) this.#readLatest(); // it could not be read
  }

  route() {}

  close() {
    clearInterval(this.timer);
  }
}

/** `#/`. */
export const mount = (page) => new Overview(page);
