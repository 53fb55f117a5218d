// The icons: strokes on a grid of 24, in the colour of the text around them.

import { s } from "./dom.js";

const PATHS = {
  done: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM8.5 12.2l2.4 2.4 4.6-4.9",
  check: "M5.5 12.5l4.2 4.2L18.5 7.5",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 7.5V12l3 2",
  work: "M12 3a9 9 0 1 0 9 9",
  skip: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM8 12h8",
  fail: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM12 7.8v5M12 16.2v.1",
  cancel: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18ZM6 6l12 12",
  warn: "M12 4 2.8 19.5h18.4L12 4ZM12 10v4.4M12 17.2v.1",
  lock: "M6 11h12a1 1 0 0 1 1 1v7a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-7a1 1 0 0 1 1-1ZM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
  drive: "M4 14 6.6 5.8A1 1 0 0 1 7.5 5h9a1 1 0 0 1 1 .8L20 14v4a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1v-4ZM4 14h16M16.5 16.6h.1",
  folder: "M4 18V6.5a1 1 0 0 1 1-1h4.2l2 2.3H19a1 1 0 0 1 1 1V18a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1Z",
  up: "M12 19V6M6.5 11.2 12 5.7l5.5 5.5",
  search: "M10.5 4.5a6 6 0 1 0 0 12 6 6 0 0 0 0-12ZM15 15l4.5 4.5",
  pause: "M8.5 6.5v11M9.5 6.5v11M14.5 6.5v11M15.5 6.5v11",
  play: "M8 5.8v12.4l10-6.2L8 5.8Z",
  undo: "M8.5 5 4.5 9l4 4M5 9h8.5a5.5 5.5 0 0 1 0 11H9",
  retry: "M19.5 5v4.5H15M19 9.5A7.5 7.5 0 1 0 19.4 13",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  close: "M6.5 6.5l11 11M17.5 6.5l-11 11",
  right: "M5 12h14M14 7l5 5-5 5",
  plug: "M9 3.5V8M15 3.5V8M6.5 8h11v3.5a5.5 5.5 0 0 1-11 0V8ZM12 17v3.5",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 3v1.5M12 19.5V21M3 12h1.5M19.5 12H21M5.6 5.6l1.1 1.1M17.3 17.3l1.1 1.1M5.6 18.4l1.1-1.1M17.3 6.7l1.1-1.1",
  moon: "M19.5 14.5A8 8 0 0 1 9.5 4.5a8 8 0 1 0 10 10Z",
  screen: "M4 5h16v11H4zM9 20h6M12 16v4",
};

/** One icon; decoration only, for the words stand beside it. */
export function icon(name, size = 18, tone = "") {
  const drawing = s("path", { d: PATHS[name] });
  const node = s("svg", { class: `icon ${tone}`.trim(), width: size, height: size, viewBox: "0 0 24 24", "aria-hidden": "true" }, drawing);
  node.dataset.icon = name;
  return node;
}

/** Changes what an icon shows, without a new node. */
export function setIcon(node, name, tone) {
  if (node.dataset.icon !== name) {
    node.firstChild.setAttribute("d", PATHS[name]);
    node.dataset.icon = name;
  }
  const wanted = `icon ${tone}${name === "work" ? " spin" : ""}`;
  if (node.getAttribute("class") !== wanted) node.setAttribute("class", wanted);
}
