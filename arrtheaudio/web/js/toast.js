// Short messages with at most one action; they stay while they are read.

import { h } from "./dom.js";

const SHOWN_MS = 8_000;

/** Shows a message; `label` and `action` make its button, `alert` is for one's own failures. */
export function toast(words, { label, action, alert = false } = {}) {
  const node = h("div", { class: "toast", role: alert ? "alert" : null }, h("span", {}, words));
  let timer = null;
  const close = () => {
    clearTimeout(timer);
    node.remove();
  };
  const hold = () => clearTimeout(timer);
  const release = () => {
    hold();
    timer = setTimeout(close, SHOWN_MS);
  };
  const act = () => {
    close();
    action?.();
  };
  node.append(h("button", { type: "button", onclick: act }, label ?? "Dismiss"));
  node.addEventListener("pointerenter", hold);
  node.addEventListener("pointerleave", release);
  node.addEventListener("focusin", hold);
  node.addEventListener("focusout", release);
  document.getElementById("toasts").replaceChildren(node);
  release();
}

/** Tells that one's own action failed, in the daemon's words. */
export const failed = (error) => toast(error.message, { alert: true });
