// Checks, the addresses to paste, workers, clean-up, and what this browser prefers.

import * as api from "./api.js";
import { Connect, PLACES } from "./connect.js";
import { ask } from "./dialog.js";
import { button, h, keyed, text } from "./dom.js";
import { bytes, count, number, since, span, spelled } from "./format.js";
import { icon, setIcon } from "./icons.js";
import * as prefs from "./prefs.js";
import { state } from "./store.js";
import { failed, toast } from "./toast.js";
import { check as checkWords, source } from "./words.js";

const SYMBOLS = { ok: ["check", "tone-ok"], warning: ["warn", "tone-warn"], failed: ["fail", "tone-bad"], unheard: ["plug", "tone-quiet"] };

class System {
  constructor(page) {
    this.sources = [];
    this.sentence = h("h1", {}, "System");
    this.said = h("p");
    this.checks = h("ul", { class: "checks" }, [1, 2, 3].map(() => h("li", { class: "skeleton" })));
    this.connect = new Connect();
    this.workers = h("p", { class: "muted small" });
    this.kept = h("p", { class: "muted small" });
    const card = (title, ...children) => h("section", { class: "card" }, h("header", {}, h("h2", {}, title)), ...children);
    page.replaceChildren(
      h("div", { class: "hero" }, h("div", {}, this.sentence, this.said)),
      h("div", { class: "cols" },
        h("div", { class: "stack" }, card("Checks", this.checks),
          card("Connect", h("div", { class: "inner" }, h("p", { class: "muted small" }, "Sonarr and Radarr: Settings → Connect → Webhook."), this.connect.node,
            h("p", { class: "small prose after" }, h("a", { href: String(api.address("docs")) }, "All of the API, described"))))),
        h("div", { class: "stack" },
          card("Workers", h("div", { class: "inner" }, this.workers)),
          card("History", h("div", { class: "inner stack" }, this.kept, h("div", {}, button("Delete old jobs…", () => this.#cleanup(), { kind: "danger" })))),
          card("This browser", this.#preferences()),
          this.out = h("div", {}, button("Sign out", () => this.#signOut(), { kind: "ghost" })))));
    this.timer = setInterval(() => this.#draw(), 10_000);
    this.#read();
  }

  async #read() {
    try {
      [this.health, this.sources] = await Promise.all([api.health(), api.sources().then((answer) => answer.sources)]);
      this.began = Date.now() - this.health.uptime_seconds * 1000;
      this.#draw();
      this.config = await api.config();
      this.out.hidden = this.config.api.auth === "none";
      this.#draw();
    } catch (error) {
      text(this.said, error.message);
    }
  }

  #draw() {
    if (!this.health) return;
    const { checks, status, version, journal } = this.health;
    const bad = checks.filter((check) => check.status !== "ok").length;
    text(this.sentence, status === "unhealthy" ? "The daemon is unhealthy." : bad ? `${spelled(bad, "thing")} to look at.` : "Everything is in order.");
    text(this.said, `Version ${version} · up for ${span(Date.now() - this.began)}`);
    const rows = [
      ...checks.map((check) => ({ key: check.name, status: check.status, ...this.#words(check, journal) })),
      ...this.sources.map((one) => ({ key: `${one.source}/${one.instance ?? ""}`, status: !one.last_at ? "unheard" : one.last_status >= 400 ? "warning" : "ok", title: source(one.source, one.instance), detail: one.path.replace(/^\//, ""), value: !one.last_at ? "not heard yet" : `${one.last_status >= 400 ? `refused (${one.last_status}) ` : ""}${since(one.last_at)}` })),
    ];
    this.checks.querySelectorAll(".skeleton").forEach((node) => node.remove());
    keyed(this.checks, rows, (row) => row.key, () => this.#check());
    this.connect.places(this.sources.length ? this.sources.map((one) => one.path) : PLACES);
    const { total } = state.workers;
    text(this.workers, total ? `${number(state.running)} of ${number(total)} busy. ${number(state.queued)} waiting.` : "Switched off (worker_count 0): each delivery is worked off at once.");
    const kept = this.config?.processing;
    text(this.kept, kept ? `Kept for ${count(kept.job_history_days, "day")}, failures for ${kept.failed_job_days}. Undo works as long as a job is kept.` : "Undo works as long as a job is kept.");
  }

  #words(check, journal) {
    if (check.name === "journal" && check.status === "ok") {
      const commit = journal.last_commit_ms === null ? "" : `${journal.last_commit_ms.toFixed(1)} ms a commit, `;
      return { title: "Journal", detail: "Every change is on disk before it counts", value: `${commit}${bytes(journal.size_bytes)}` };
    }
    if (check.name === "paused") return { title: "Queue", detail: check.status === "ok" ? "Running" : "Paused; no job starts until it is resumed", value: "" };
    return { title: checkWords(check.name), detail: check.detail, value: "" };
  }

  #check() {
    const symbol = icon("check");
    const title = h("b");
    const detail = h("p");
    const value = h("span", { class: "value" });
    const said = h("span", { class: "sr" });
    return {
      node: h("li", {}, symbol, h("div", { class: "grow" }, h("bdi", {}, title), said, detail), value),
      update: (row) => {
        setIcon(symbol, ...SYMBOLS[row.status]);
        text(title, row.title);
        text(said, row.status === "ok" ? " is fine" : row.status === "unheard" ? "" : ` ${row.status}`);
        text(detail, row.detail);
        text(value, row.value);
      },
    };
  }

  #preferences() {
    const box = (words, note, on, change) => {
      const input = h("input", { type: "checkbox", checked: on });
      input.addEventListener("change", () => change(input.checked));
      return h("label", { class: "check" }, input, h("span", {}, words, h("small", {}, note)));
    };
    const theme = h("select", { class: "select", id: "theme-choice" }, [["system", "As the system"], ["light", "Light"], ["dark", "Dark"]].map(([value, words]) => h("option", { value }, words)));
    theme.value = prefs.theme();
    theme.addEventListener("change", () => prefs.setTheme(theme.value));
    return h("div", { class: "inner stack" },
      box("Single-key shortcuts", "/ search, j and k move, ? shows all", prefs.keysOn(), (on) => prefs.set("keys", on ? "on" : "off")),
      box("Pages instead of an endless list", "Easier with some screen readers", prefs.paged(), (on) => prefs.set("paged", on ? "on" : "off")),
      h("div", { class: "row" }, h("label", { for: "theme-choice", class: "grow" }, "Theme"), theme));
  }

  async #cleanup() {
    const days = this.config?.processing.job_history_days ?? 30;
    const statuses = ["completed", "cancelled"];
    try {
      const { deleted_jobs: jobs } = await api.cleanup(days, statuses, true);
      if (!jobs) {
        toast(`Nothing is older than ${count(days, "day")}.`);
        return;
      }
      const yes = await ask({ title: `Delete ${count(jobs, "old job")}?`, text: `Completed and cancelled jobs older than ${count(days, "day")}. Media files are not touched, but these changes can no longer be undone.`, yes: `Delete ${count(jobs, "job")}`, no: "Keep them" });
      if (!yes) return;
      const done = await api.cleanup(days, statuses, false);
      toast(`${count(done.deleted_jobs, "job")} deleted.`);
    } catch (error) {
      failed(error);
    }
  }

  async #signOut() {
    try {
      await api.signOut();
    } catch (error) {
      failed(error);
      return;
    }
    dispatchEvent(new Event("signedout"));
  }

  paint(changes) {
    const matters = ["health.changed", "webhook.received", "source.heard", "source.refused", "queue.paused", "queue.resumed", "hello"].some((type) => changes.types.has(type));
    if (changes.reload || changes.types.has("health.changed")) this.#read();
    else if (matters && !this.reading) {
      this.reading = setTimeout(() => {
        this.reading = null;
        this.#read();
      }, 1_000);
    } else this.#draw();
  }

  route() {}

  close() {
    clearInterval(this.timer);
    clearTimeout(this.reading);
  }
}

/** `#/system`. */
export const mount = (page) => new System(page);
