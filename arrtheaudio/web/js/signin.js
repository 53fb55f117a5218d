// One field. The key goes to the daemon once and becomes a cookie that no script can read.

import * as api from "./api.js";
import { busy, h } from "./dom.js";

/** Shows the form in `page`; resolves once the key was right. */
export function signIn(page) {
  return new Promise((resolve) => {
    const key = h("input", { class: "input", id: "api-key", name: "api-key", type: "password", autocomplete: "current-password", required: true, spellcheck: "false", "aria-describedby": "key-help key-error" });
    const error = h("p", { class: "error", id: "key-error", role: "alert" });
    const go = h("button", { class: "btn primary" }, "Sign in");
    const send = busy(go, async () => {
      try {
        await api.signIn(key.value.trim());
        resolve();
      } catch (problem) {
        error.textContent = problem.status === 401 ? "This is not the API key." : problem.message;
        key.setAttribute("aria-invalid", "true");
        key.focus();
        key.select();
      }
    });
    const user = h("input", { type: "text", name: "username", autocomplete: "username", value: "arrtheaudio", hidden: true });
    page.replaceChildren(h("section", { class: "card sign-in" }, h("form", { onsubmit: send },
      h("div", {}, h("h1", {}, "Sign in"), h("p", { class: "muted" }, "This browser stays signed in for 30 days.")),
      user,
      h("div", { class: "field" }, h("label", { for: "api-key" }, "API key"), key, error),
      h("p", { class: "muted small", id: "key-help" }, "It stands in the file api_key in the daemon's data folder; the daemon's log names the whole path at its start. If you have set one yourself, it is api.api_key in the configuration."),
      go)));
    key.focus();
  });
}
