// "Needs you": failed and not dismissed, or waiting for space; grouped by reason and folder.

import * as actions from "./actions.js";
import * as api from "./api.js";
import { attribute, button, h, keyed, path, text } from "./dom.js";
import { number, shortFolder } from "./format.js";
import { icon, setIcon } from "./icons.js";
import { href } from "./router.js";
import { state, touch } from "./store.js";
import { problem } from "./words.js";

const WAITING = "waiting_for_space";
const REREAD_MS = 1_000;
const CHANGING = new Set(["job.failed", "job.waiting_for_space", "job.space_found", "job.cancelled", "job.started", "hello"]);

/** Whether what happened may have changed what needs somebody; `some`: whether anything does. */
export const concerns = ({ types }, some) =>
  [...types].some((type) => type.startsWith("problem") || (CHANGING.has(type) && (type !== "job.started" || some)));

export class Problems {
  constructor() {
    this.groups = [];
    this.list = h("div");
    this.node = h("section", { class: "card", hidden: true, "aria-labelledby": "needs-you" },
      h("header", {}, h("h2", { id: "needs-you" }, "Needs you"), h("a", { href: href("jobs", null, { show: "failed" }) }, "All failed jobs")), this.list);
  }

  async read() {
    try {
      const answer = await api.problems();
      this.groups = answer.groups;
      state.problems = answer.total;
    } catch {
      return; // the banner tells of a lost connection; the list stays as it was
    }
    this.draw();
    touch();
  }

  /** Reads again, a little later, where something happened that may matter. */
  paint(changes) {
    if ((concerns(changes, this.groups.length) || changes.reload) && !this.timer) {
      this.timer = setTimeout(() => {
        this.timer = null;
        this.read();
      }, REREAD_MS);
    }
    this.draw();
  }

  draw() {
    this.node.hidden = !this.groups.length;
    keyed(this.list, this.groups, (group) => `${group.reason}\n${group.folder}`, (group) => this.#group(group));
    this.#enable();
  }

  #enable() {
    for (const node of this.list.querySelectorAll("button")) node.disabled = state.link === "lost";
  }

  #group(made) {
    let group = made;
    const symbol = icon("fail");
    const badge = h("span", { class: "badge" }, symbol);
    const title = h("b");
    const before = h("span");
    const place = path("");
    const after = h("span");
    const waits = made.reason === WAITING;
    const retry = waits ? null : button("", () => actions.retryGroup(group), { kind: "slim" });
    const dismiss = waits ? null : button("Dismiss", () => actions.dismiss(group), { kind: "slim ghost" });
    const details = waits ? h("a", { class: "btn slim ghost" }, "Details") : null;
    const link = h("a", {}, title);
    return {
      node: h("div", { class: "problem" }, badge, h("div", { class: "grow" }, link, h("p", {}, before, place, after)), h("div", { class: "acts" }, retry, dismiss, details)),
      update: (one) => {
        group = one;
        const said = problem(one);
        const rows = href("jobs", null, { problem: "true", reason: waits ? "" : one.reason, folder: one.folder });
        badge.className = `badge ${said.tone}`;
        setIcon(symbol, said.icon, "");
        text(title, said.title);
        text(before, said.before);
        text(place, shortFolder(one.folder, state.roots));
        text(after, said.after);
        attribute(link, "href", rows);
        if (retry) text(retry, one.count === 1 ? "Retry" : `Retry ${number(one.count)}`);
        if (details) attribute(details, "href", one.job_id && one.count === 1 ? href("jobs", one.job_id) : rows);
      },
    };
  }
}
