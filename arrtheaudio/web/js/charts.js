// Small drawings in SVG. Every bar has its figures beside it or in a hidden table.

import { attribute, h, keyed, s, text } from "./dom.js";
import { count, language, number, shortDay } from "./format.js";
import { href } from "./router.js";

const WIDE = 292;
const HIGH = 132;
const BASE = 112; // y of zero
const TOP = 14;

/** Where a day's jobs are listed, and today's changes to some languages. */
const dayLink = (day) => href("jobs", null, { show: "checked", done: day });
const languageLink = (codes) => href("jobs", null, { show: "made", done: "today", language: codes.join(",") });

/** The step of a scale with two lines below the highest bar: 2000 for 4319. */
function scale(most) {
  if (most <= 2) return 1;
  const rough = most / 2;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((one) => one * power).filter((one) => one <= rough).at(-1) ?? power;
  return Math.max(1, Math.round(step));
}

/** Stacked bars, one a day, linear from zero. */
export class DailyChart {
  constructor() {
    this.said = h("p", { class: "said", "aria-hidden": "true" });
    this.svg = s("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "group", "aria-label": "Jobs of the last 14 days" });
    this.table = h("tbody");
    const legend = h("ul", { class: "legend" }, [["changed", "Changed"], ["right", "Already right"], ["failed", "Failures"]].map(([name, words]) => h("li", {}, h("span", {}, h("i", { class: `swatch ${name}` }), words))));
    this.node = h("div", { class: "chart" }, this.svg, this.said, legend,
      h("div", { class: "sr" }, h("table", {}, h("caption", {}, "Jobs a day"), h("thead", {}, h("tr", {}, ["Day", "Changed", "Already right", "Skipped", "Failed"].map((words) => h("th", { scope: "col" }, words)))), this.table)));
  }

  show(days) {
    const most = Math.max(0, ...days.map((day) => day.changed + day.already_correct));
    const step = scale(most);
    const full = Math.max(most, 2 * step);
    const y = (value) => BASE - (value / full) * (BASE - TOP);
    const lines = [step, 2 * step].filter((value) => value <= full && most > 0).flatMap((value) => [
      s("line", { class: "grid", x1: 0, x2: WIDE, y1: y(value), y2: y(value) }),
      s("text", { x: 0, y: y(value) - 4 }, number(value)),
    ]);
    const slot = WIDE / days.length;
    const ends = [s("text", { x: 1, y: HIGH - 4 }, shortDay(days[0].day)), s("text", { x: WIDE, y: HIGH - 4, "text-anchor": "end" }, "Today")];
    const kept = this.svg.contains(document.activeElement) ? document.activeElement.dataset.day : null;
    this.svg.replaceChildren(...lines, ...days.map((day, place) => this.#bar(day, place * slot, slot, y)), ...ends);
    if (kept) this.svg.querySelector(`[data-day="${kept}"]`)?.focus();
    if (!most) text(this.said, "Nothing yet");
    else if (this.said.textContent === "Nothing yet") text(this.said, "");
    this.table.replaceChildren(...days.map((day) => h("tr", {}, h("th", { scope: "row" }, shortDay(day.day)), [day.changed, day.already_correct, day.skipped, day.failed].map((value) => h("td", {}, number(value))))));
  }

  #bar(day, x, slot, y) {
    const wide = Math.min(14, slot - 5);
    const left = x + (slot - wide) / 2;
    const block = (name, low, high) => {
      const tall = Math.max(2, y(low) - y(high) - (low ? 2 : 0));
      return s("rect", { class: name, x: left, y: y(low) - tall - (low ? 2 : 0), width: wide, height: tall, rx: 2 });
    };
    const total = day.changed + day.already_correct;
    const failed = day.failed ? s("circle", { class: "failed", cx: x + slot / 2, cy: y(total) - 8, r: 2.5 }) : null;
    const words = `${shortDay(day.day)}: ${number(day.changed)} changed, ${number(day.already_correct)} already right, ${count(day.failed, "failure")}`;
    const tell = () => text(this.said, words);
    const hush = () => text(this.said, "");
    const node = s("a", { href: dayLink(day.day), "aria-label": words, onpointerenter: tell, onfocus: tell, onpointerleave: hush, onblur: hush },
      s("rect", { class: "hit", x, y: 0, width: slot, height: BASE + 2, rx: 3 }),
      day.changed ? block("changed", 0, day.changed) : null,
      day.already_correct ? block("right", day.changed, total) : null,
      failed);
    node.dataset.day = day.day;
    return node;
  }
}

/** Bars by language, the five largest and the rest. */
export class LanguageBars {
  constructor() {
    this.node = h("ul", { class: "languages" });
  }

  /** `counts`: Map of language code to number. */
  show(counts) {
    const sorted = [...counts].sort((one, other) => other[1] - one[1]);
    const rest = sorted.slice(5).reduce((sum, [, value]) => sum + value, 0);
    const shown = sorted.slice(0, 5).map(([code, value]) => ({ key: code, words: language(code), value, codes: [code] }));
    if (rest) shown.push({ key: "other", words: "Other", value: rest, codes: sorted.slice(5).map(([code]) => code) });
    const most = Math.max(1, ...shown.map(({ value }) => value));
    for (const one of shown) one.share = one.value / most;
    keyed(this.node, shown, ({ key }) => key, () => {
      const words = h("span", { class: "cut" });
      const bar = h("i");
      const value = h("span", { class: "n" });
      const link = h("a", {}, words, h("span", { "aria-hidden": "true" }, bar), value);
      return {
        node: h("li", {}, link),
        update: (one) => {
          attribute(link, "href", languageLink(one.codes));
          text(words, one.words);
          text(value, number(one.value));
          bar.style.width = `${100 * one.share}%`;
        },
      };
    });
    return shown.length > 0;
  }
}

/** A line of the last minutes. */
export class Spark {
  constructor(width = 72, height = 22) {
    Object.assign(this, { width, height });
    this.line = s("polyline");
    this.node = s("svg", { class: "spark", width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, this.line);
  }

  show(series) {
    const smooth = [];
    for (let place = 0; place < series.length; place += 4) smooth.push(series.slice(place, place + 4).reduce((sum, one) => sum + one, 0));
    const most = Math.max(...smooth);
    this.node.toggleAttribute("hidden", !most);
    const step = this.width / (smooth.length - 1);
    this.line.setAttribute("points", smooth.map((value, place) => `${(place * step).toFixed(1)},${(this.height - 2 - (value / Math.max(1, most)) * (this.height - 4)).toFixed(1)}`).join(" "));
  }
}

