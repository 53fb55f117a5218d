// Puts the page together: who is signed in, which route is shown, what the feed says.

import * as api from "./api.js";
import { announce } from "./announce.js";
import * as chrome from "./chrome.js";
import { h } from "./dom.js";
import { Feed } from "./feed.js";
import { listen, sought } from "./keys.js";
import * as overview from "./overview.js";
import { concerns } from "./problems.js";
import { paged } from "./prefs.js";
import { current, onRoute } from "./router.js";
import * as store from "./store.js";

// What is not on most first screens comes later: when it is asked for, or in an idle moment.
const LATER = { jobs: jobsAndSheet, batches: () => import("./batches.js"), system: () => import("./system.js") };
const views = { overview };
const TITLES = { overview: "Overview", jobs: "Jobs", batches: "Batches", system: "System" };

const HELLO_MS = 400; // how long the first rows wait for it

const main = document.getElementById("main");
const place = document.getElementById("page");
let sheet = { id: null, open() {}, paint() {} }; // until jobs are shown

let page = null; // the mounted view
let shown = null; // its route
let signedIn = false;
let unloaded = false; // a page's own script did not come
let greet = () => {}; // tells who waits for the hello

const feed = new Feed({
  hello(message, resumed) {
    const back = store.state.link === "lost";
    store.hello(message, resumed);
    greet(true);
    if (unloaded) {
      unloaded = false;
      show(current());
    } else if (resumed) page?.regained?.();
    if (back) announce("Connected again. Nothing was missed.");
  },
  events: store.events,
  progress: store.progress,
  gap: store.reload,
  refused: askForKey,
  async lost() {
    store.lost();
    // A refused handshake looks like a lost connection: the short health tells them apart.
    try {
      if (!("uptime_seconds" in (await api.health()))) askForKey();
    } catch {
      // It cannot be reached; the feed goes on trying.
    }
  },
});

async function jobsAndSheet() {
  const [jobs, { Sheet }] = await Promise.all([import("./jobs.js"), import("./sheet.js")]);
  if (!views.jobs) sheet = new Sheet(document.getElementById("sheet"), document.getElementById("app"));
  views.jobs = jobs;
  return jobs;
}

async function show(route) {
  if (!signedIn) return;
  if (!views[route.page] || paged()) {
    try {
      views[route.page] ??= await LATER[route.page]();
      if (paged()) await (await import("./jobs.js")).prepare();
    } catch {
      unloaded = true; // the daemon went away before the page had been asked for
    }
    if (String(location.hash) !== route.hash || !signedIn) return;
    if (unloaded) {
      unfinished();
      return;
    }
  }
  const before = shown;
  shown = route;
  chrome.mark(route.page);
  const same = page && before.page === route.page && (route.page !== "batches" || before.id === route.id);
  if (!same) {
    page?.close();
    page = views[route.page].mount(place, route);
    document.title = `${TITLES[route.page]} · ArrTheAudio`;
    scrollTo(0, 0);
  }
  page.route(route);
  const opened = sheet.id;
  sheet.open(route.page === "jobs" ? route.id : null, route.query, row(route.id));
  const searching = !same && sought(page.search);
  if (!same && before && sheet.id === null && !searching) main.focus({ preventScroll: true });
  if (same && opened !== null && sheet.id === null) page.list?.focusJob(opened);
}

/** The page that was asked for could not be loaded; the next hello loads it. */
function unfinished() {
  page?.close();
  page = null;
  place.replaceChildren(h("div", { class: "hero" }, h("h1", {}, "The daemon cannot be reached.")));
}

/** The row of a job that the list holds already. */
function row(id) {
  for (const job of page.list?.pages?.rows() ?? []) if (job.job_id === id) return job;
  return null;
}

async function askForKey() {
  if (document.body.classList.contains("signed-out")) return;
  signedIn = false;
  feed.stop();
  store.away();
  page?.close();
  page = null;
  sheet.open(null);
  document.body.classList.add("signed-out");
  document.title = "Sign in · ArrTheAudio";
  const { signIn } = await import("./signin.js");
  await signIn(place);
  document.body.classList.remove("signed-out");
  enter();
}

/** Signed in: listens, and shows the route that the address asks for. */
async function enter() {
  signedIn = true;
  shown = null;
  const hello = new Promise((resolve) => { greet = resolve; });
  feed.start();
  // Rows that are read behind the hello miss nothing, for all that follows is told.
  const heard = await Promise.race([hello, new Promise((resolve) => setTimeout(resolve, HELLO_MS))]);
  if (!signedIn) return;
  if (!heard) hello.then(store.reload);
  show(current());
  api.browse(null).then((answer) => {
    store.state.roots = answer.folders.map((folder) => folder.path);
    store.touch();
  }, () => {});
}

async function readQueue() {
  try {
    store.takeQueue(await api.queue());
  } catch {
    // The next hello tells it.
  }
}

async function readBatch(id) {
  try {
    store.putBatch(await api.batch(id));
  } catch {
    // It was cleaned up meanwhile, or the connection is gone.
  }
}

let asking = null;

/** The number beside "Overview" on the other pages; the overview reads its own. */
function recountProblems() {
  asking ??= setTimeout(async () => {
    asking = null;
    try {
      store.state.problems = (await api.problems()).total;
      store.touch();
    } catch {
      // The next hello tells it.
    }
  }, 1_000);
}

store.watch((changes) => {
  if (page && shown.page !== "overview" && (changes.reload || concerns(changes, store.state.problems))) recountProblems();
  if (!page) return;
  if (changes.types.has("queue.unclear")) readQueue();
  for (const id of changes.batches) if (!store.state.batches.has(id)) readBatch(id);
  page.paint(changes);
  sheet.paint(changes);
});

/** A new day: the daemon's hello has its counts, and views have their charts. */
function watchTheDay() {
  let day = new Date().toDateString();
  setInterval(() => {
    if (day === new Date().toDateString()) return;
    day = new Date().toDateString();
    feed.renew();
    store.reload();
  }, 60_000);
}

async function start() {
  chrome.prepare(feed);
  watchTheDay();
  listen(() => ({ page, sheet }));
  onRoute(show);
  api.whenUnauthorised(askForKey);
  addEventListener("signedout", askForKey);
  try {
    // The short form is for strangers; asking this way leaves no error in the console.
    if ("uptime_seconds" in (await api.health())) enter();
    else askForKey();
  } catch {
    enter(); // it cannot be reached: the shell says so, and the feed tries again
  }
}

/** So that every page is there even if the daemon is not. */
async function fetchTheRest() {
  for (const [name, load] of Object.entries(LATER)) views[name] ??= await load();
  await Promise.all([import("./scan.js"), import("./signin.js")]);
}

start().then(() => (window.requestIdleCallback ?? setTimeout)(() => fetchTheRest().catch(() => {})));
