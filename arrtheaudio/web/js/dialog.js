// Native dialogs: they hold focus, close by Escape, and give focus back.

import { h } from "./dom.js";

/** Shows `content` (a form) until it is closed; gives the dialog's return value. */
export function show(content, label) {
  const dialog = h("dialog", { "aria-labelledby": label }, content);
  document.body.append(dialog);
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue);
    });
    dialog.showModal();
  });
}

/** Asks before something is lost; the safe button has the focus. */
export async function ask({ title, text, yes, no, danger = true }) {
  const form = h("form", { method: "dialog" },
    h("div", {}, h("h2", { id: "ask-title" }, title), h("p", {}, text)),
    h("div", { class: "acts" },
      h("button", { class: "btn", value: "no", autofocus: true }, no),
      h("button", { class: `btn primary${danger ? " danger" : ""}`, value: "yes" }, yes)));
  return (await show(form, "ask-title")) === "yes";
}

export const isOpen = () => document.querySelector("dialog[open]") !== null;
