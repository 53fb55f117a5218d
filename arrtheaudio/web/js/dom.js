// Elements, text and keyed lists. Text goes in as text nodes only: file names are hostile.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

/** An HTML element; `onclick` and the like are listeners, true is an empty attribute. */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

/** The same for SVG. */
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

/** Sets the text of a node that holds nothing else; untouched where it is the same. */
export function text(node, words) {
  const wanted = String(words);
  if (node.textContent !== wanted) node.textContent = wanted;
  return node;
}

/** Sets or removes an attribute; untouched where it is the same. */
export function attribute(node, name, value) {
  if (value === null || value === undefined || value === false) node.removeAttribute(name);
  else {
    const wanted = value === true ? "" : String(value);
    if (node.getAttribute(name) !== wanted) node.setAttribute(name, wanted);
  }
  return node;
}

/** A path: one bidirectional island that may break anywhere. */
export const path = (words, props) => h("bdi", { class: "mono", ...props }, words);

const kept = new WeakMap();

/**
 * Makes `parent` hold one node for each item, in order. Nodes are kept by key, so that
 * focus, hover and running animations survive; `make(item)` gives `{node, update}`.
 */
export function keyed(parent, items, keyOf, make) {
  const before = kept.get(parent) ?? new Map();
  const after = new Map();
  let next = parent.firstChild;
  for (const item of items) {
    const key = keyOf(item);
    const part = before.get(key) ?? make(item);
    before.delete(key);
    after.set(key, part);
    part.update?.(item);
    if (part.node === next) next = next.nextSibling;
    else parent.insertBefore(part.node, next);
  }
  for (const part of before.values()) part.node.remove();
  kept.set(parent, after);
}

/** Runs an asynchronous action of a button: busy while it lasts, never twice at once. */
export function busy(button, action) {
  return async (event) => {
    event?.preventDefault();
    if (button.getAttribute("aria-busy") === "true" || button.disabled) return;
    button.setAttribute("aria-busy", "true");
    try {
      await action(event);
    } finally {
      button.removeAttribute("aria-busy");
    }
  };
}

/** A button with an icon (or none), words and an action that may be asynchronous. */
export function button(words, action, { kind = "", symbol = null, ...props } = {}) {
  const node = h("button", { type: "button", class: `btn ${kind}`.trim(), ...props }, symbol, words);
  node.addEventListener("click", busy(node, action));
  return node;
}
