// "Scan a folder": choose a folder inside the media roots, dry run unless unticked, filters.

import * as api from "./api.js";
import { h, path } from "./dom.js";
import { show } from "./dialog.js";
import { icon } from "./icons.js";
import { go, href } from "./router.js";
import { putBatch, state } from "./store.js";
import { toast } from "./toast.js";

/** Opens the dialog; a started batch is shown as its page. */
export async function openScan() {
  const scan = new Scan();
  const shown = show(scan.form, "scan-title");
  scan.enter(null);
  await shown;
}

class Scan {
  constructor() {
    this.path = null;
    this.where = h("span", {}, "Media folders");
    this.list = h("ul", { class: "folders", "aria-label": "Folders", tabindex: "-1" });
    this.dry = h("input", { type: "checkbox", checked: true });
    this.deep = h("input", { type: "checkbox", checked: true });
    this.low = h("input", { type: "checkbox" });
    this.pattern = h("input", { class: "input", id: "scan-pattern", placeholder: "**/*.mkv", autocomplete: "off", spellcheck: "false" });
    this.size = h("input", { class: "input", id: "scan-size", type: "number", min: 0, step: "any", inputmode: "decimal" });
    this.age = h("input", { class: "input", id: "scan-age", type: "number", min: 0, step: "any", inputmode: "decimal" });
    this.exclude = h("input", { class: "input", id: "scan-exclude", placeholder: "*sample*, *trailer*", autocomplete: "off", spellcheck: "false" });
    this.error = h("p", { class: "error", role: "alert" });
    this.start = h("button", { class: "btn primary", value: "start", disabled: true }, "Start dry run");
    this.dry.addEventListener("change", () => this.#name());
    this.form = h("form", { method: "dialog", onsubmit: (event) => this.#submit(event) },
      h("h2", { id: "scan-title" }, "Scan a folder"),
      h("div", { class: "field" }, h("p", { class: "label", role: "status" }, "Folder · ", this.where), this.list),
      h("label", { class: "check" }, this.dry, h("span", {}, "Dry run first", h("small", {}, "Shows what would change. Then start it for real with one click."))),
      h("label", { class: "check" }, this.deep, h("span", {}, "Include subfolders")),
      this.#filters(), this.error,
      h("div", { class: "acts" }, h("button", { class: "btn", type: "button", onclick: () => this.form.closest("dialog").close() }, "Cancel"), this.start));
  }

  #filters() {
    const field = (words, input, wide) => h("div", { class: wide ? "field wide" : "field" }, h("label", { for: input.id }, words), input);
    return h("details", { class: "filters" }, h("summary", {}, "Filters"), h("div", {},
      field("Only names like", this.pattern, true),
      field("At least MB", this.size), field("Changed in the last days", this.age),
      field("Leave out, divided by commas", this.exclude, true),
      h("label", { class: "check wide" }, this.low, h("span", {}, "Low priority", h("small", {}, "Behind other batches and single files.")))));
  }

  #name() {
    this.start.textContent = this.dry.checked ? "Start dry run" : "Change files";
  }

  /** Shows the folders below `folder`; null is the list of media roots. */
  async enter(folder) {
    this.list.setAttribute("aria-busy", "true");
    let answer;
    try {
      answer = await api.browse(folder);
    } catch (error) {
      this.list.replaceChildren(h("li", { class: "note" }, error.message));
      return;
    } finally {
      this.list.removeAttribute("aria-busy");
    }
    this.path = answer.path;
    this.start.disabled = answer.path === null;
    this.where.replaceChildren(answer.path === null ? "Media folders" : path(answer.path));
    const up = answer.path === null || (answer.parent === null && state.roots.length === 1) ? [] : [this.#entry("up", "One level up", () => this.enter(answer.parent))];
    const folders = answer.folders.map((one) => this.#entry("folder", h("bdi", { class: "cut" }, one.name), () => this.enter(one.path)));
    const note = folders.length ? [] : [h("li", { class: "note" }, answer.path === null ? "No media folder is configured (media_roots)." : "No folder inside. This one is scanned.")];
    this.list.replaceChildren(...up, ...folders, ...note);
    this.#more(answer, answer.folders.length);
    if (folder !== null || this.entered) this.list.querySelector("button")?.focus();
    this.entered = true;
    if (answer.path === null && answer.folders.length === 1) await this.enter(answer.folders[0].path);
  }

  #entry(symbol, words, action) {
    return h("li", {}, h("button", { type: "button", onclick: action }, icon(symbol, 17, "tone-quiet"), words));
  }

  #more(answer, shown) {
    if (shown >= answer.total) return;
    const item = h("li", {}, h("button", { type: "button", onclick: async () => {
      const next = await api.browse(answer.path, shown);
      item.remove();
      this.list.append(...next.folders.map((one) => this.#entry("folder", h("bdi", { class: "cut" }, one.name), () => this.enter(one.path))));
      this.#more(answer, shown + next.folders.length);
    } }, "Show more"));
    this.list.append(item);
  }

  #request() {
    const filters = {};
    if (this.size.value) filters.min_size_mb = Number(this.size.value);
    if (this.age.value) filters.max_age_days = Number(this.age.value);
    const patterns = this.exclude.value.split(",").map((one) => one.trim()).filter(Boolean);
    if (patterns.length) filters.exclude_patterns = patterns;
    const request = { path: this.path, recursive: this.deep.checked, dry_run: this.dry.checked, filters };
    if (this.low.checked) request.priority = "low";
    if (this.pattern.value.trim()) request.pattern = this.pattern.value.trim();
    return request;
  }

  async #submit(event) {
    if (event.submitter?.value !== "start") return;
    event.preventDefault();
    if (this.start.getAttribute("aria-busy")) return;
    this.start.setAttribute("aria-busy", "true");
    this.error.textContent = "";
    try {
      const started = await api.startBatch(this.#request());
      putBatch(await api.batch(started.batch_id));
      this.form.closest("dialog").close("started");
      go(href("batches", started.batch_id));
      toast(this.dry.checked ? "Dry run started." : "Batch started.");
    } catch (error) {
      this.#explain(error);
    } finally {
      this.start.removeAttribute("aria-busy");
    }
  }

  #explain(error) {
    const { status, document: problem } = error;
    const fields = Object.entries(error.fields ?? {}).map(([field, message]) => `${field}: ${message}`);
    this.error.replaceChildren(status === 409 ? "A batch is at work in this folder already. " : fields.length ? fields.join("; ") : error.message);
    if (problem?.batch_id) this.error.append(h("a", { href: href("batches", problem.batch_id), onclick: () => this.form.closest("dialog").close() }, "Show it"));
  }
}
