// Who talks to the daemon and when it was heard last; warnings of the health check beside it.

import * as api from "./api.js";
import { h, keyed, text } from "./dom.js";
import { ago } from "./format.js";
import { icon, setIcon } from "./icons.js";
import { href } from "./router.js";
import { touch } from "./store.js";
import { check as checkWords, source } from "./words.js";

const REREAD_MS = 2_000;

export class Connections {
  constructor() {
    this.sources = [];
    this.warnings = [];
    this.list = h("ul", { class: "checks slim-checks" });
    this.node = h("section", { class: "card", "aria-labelledby": "connections" }, h("header", {}, h("h2", { id: "connections" }, "Connections"), h("a", { href: href("system") }, "System")), this.list);
  }

  async read() {
    try {
      this.sources = (await api.sources()).sources;
    } catch {
      return;
    }
    this.tick();
    touch();
  }

  health(view) {
    this.warnings = (view.checks ?? []).filter((check) => check.status !== "ok" && check.name !== "paused");
    this.tick();
  }

  heard() {
    return this.sources.some((one) => one.last_at);
  }

  paint(changes) {
    const heard = ["webhook.received", "source.heard", "source.refused"].some((type) => changes.types.has(type));
    if (heard || changes.reload) this.#soon();
  }

  /** A delivery was heard: reads at once, but not more often than every two seconds. */
  #soon() {
    const rest = Math.max(0, (this.last ?? -Infinity) + REREAD_MS - performance.now());
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.last = performance.now();
      this.read();
    }, rest);
  }

  tick() {
    const rows = [
      ...this.sources.map((one) => ({ key: `${one.source}/${one.instance ?? ""}`, words: source(one.source, one.instance), ...this.#state(one) })),
      ...this.warnings.map((check) => ({ key: check.name, words: checkWords(check.name), symbol: check.status === "failed" ? "fail" : "warn", tone: check.status === "failed" ? "tone-bad" : "tone-warn", value: check.detail })),
    ];
    keyed(this.list, rows, (row) => row.key, () => {
      const symbol = icon("check");
      const words = h("span");
      const value = h("span", { class: "value" });
      return {
        node: h("li", {}, symbol, words, value),
        update: (row) => {
          setIcon(symbol, row.symbol, row.tone);
          text(words, row.words);
          text(value, row.value);
        },
      };
    });
  }

  #state(one) {
    if (!one.last_at) return { symbol: "plug", tone: "tone-quiet", value: "not heard yet" };
    const when = ago(one.last_at);
    const refused = one.last_status >= 400;
    return {
      symbol: refused ? "warn" : "check",
      tone: refused ? "tone-warn" : "tone-ok",
      value: `${refused ? `refused (${one.last_status})` : "heard"} ${when}${when === "now" ? "" : " ago"}`,
    };
  }
}
