// Hash routes: #/, #/jobs?…, #/jobs/ID?…, #/batches, #/batches/ID, #/system.

const PAGES = { "": "overview", jobs: "jobs", batches: "batches", system: "system" };

/** The route of a hash; what is unknown is the overview. */
export function parse(hash) {
  const [place, query = ""] = hash.replace(/^#\/?/, "").split("?", 2);
  const [first = "", id = null] = place.split("/");
  return { hash, page: PAGES[first] ?? "overview", id: id || null, query: new URLSearchParams(query) };
}

/** A hash for a page, an id and query parameters (empty ones are left out). */
export function href(page, id = null, query = null) {
  const place = page === "overview" ? "#/" : `#/${page}${id ? `/${encodeURIComponent(id)}` : ""}`;
  const text = query ? String(query instanceof URLSearchParams ? query : new URLSearchParams(Object.entries(query).filter(([, value]) => value))) : "";
  return text ? `${place}?${text}` : place;
}

export const current = () => parse(location.hash);

export function go(hash) {
  location.hash = hash;
}

/** Changes the address without a step in the browser's history. */
export function replace(hash) {
  history.replaceState(null, "", hash);
  dispatchEvent(new HashChangeEvent("hashchange"));
}

export function onRoute(listener) {
  addEventListener("hashchange", () => listener(current()));
}
