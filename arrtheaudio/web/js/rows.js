// One row of a list of jobs: a link with an icon, names, what happened, and when.

import { attribute, h, text } from "./dom.js";
import { ago, fullTime, names, shortFolder } from "./format.js";
import { icon, setIcon } from "./icons.js";
import { state } from "./store.js";
import { summary } from "./words.js";

/** A row that can show any job: `{link, show(job, href)}`. */
export function jobRow() {
  const symbol = icon("clock", 20);
  const title = h("bdi", { class: "title cut" });
  const folder = h("bdi", { class: "folder cut" });
  const words = h("span", { class: "cut" });
  const arrow = icon("right", 14);
  const leads = h("span", { class: "sr" });
  const to = h("b", { class: "cut" });
  const when = h("time");
  const link = h("a", { class: "job" }, symbol, h("span", { class: "names cut" }, title, folder), h("span", { class: "change cut" }, words, arrow, leads, to), when);

  function show(job, href, now = Date.now()) {
    const { icon: name, tone, words: said, to: language, from } = summary(job, now);
    const told = names(job.file_path, job.context?.title);
    setIcon(symbol, name, tone);
    text(title, told.title);
    text(folder, shortFolder(told.folder, state.roots));
    text(words, from ?? said);
    text(leads, from ? " to " : " ");
    attribute(words.parentNode, "data-status", job.status);
    arrow.toggleAttribute("hidden", !language);
    to.hidden = !language;
    text(to, language ?? "");
    const at = job.completed_at ?? job.started_at ?? job.created_at;
    text(when, ago(at, now));
    attribute(when, "datetime", at);
    attribute(when, "title", at ? fullTime(at) : null);
    attribute(link, "href", href);
    attribute(link, "title", job.file_path);
  }
  return { link, show };
}

/** A list item with a row and its checkbox: `{node, link, job, show(job)}`; without a job it is a placeholder. */
export function pickableRow(list) {
  const box = h("input", { type: "checkbox" });
  const pick = h("label", { class: "pick" }, box);
  const row = jobRow();
  const made = { node: h("li", {}, pick, row.link), link: row.link, job: null };
  box.addEventListener("change", () => list.pick(made.job, box.checked));
  made.show = (job) => {
    made.job = job ?? null;
    made.node.classList.toggle("waiting-row", !job);
    made.node.classList.toggle("fresh", Boolean(job?.isNew));
    pick.hidden = !job;
    if (!job) {
      row.link.removeAttribute("href");
      return;
    }
    row.show(job, list.hrefOf(job));
    box.checked = list.selection.has(job.job_id);
    attribute(box, "aria-label", `Select ${names(job.file_path, job.context?.title).title}`);
    attribute(row.link, "aria-current", job.job_id === list.current ? "true" : null);
  };
  return made;
}

/** Changes a list's selection by one job. */
export function pick(list, job, on) {
  if (!job) return;
  if (on) list.selection.set(job.job_id, job);
  else list.selection.delete(job.job_id);
  list.onSelect();
  list.draw();
}
