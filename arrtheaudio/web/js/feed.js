// The websocket: resumes behind the last number seen, backs off, and says how it stands.
// Knows nothing of what the messages mean.

import { address } from "./api.js";

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
const STALE_MS = 60_000; // after so long out of sight a socket may be dead without knowing it

/** Half to full of a wait that doubles with each failure, so that not all come back at once. */
function backoff(failures, random = Math.random()) {
  const full = Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** failures);
  return Math.round(full * (0.5 + random / 2));
}

/**
 * A connection that wants to be up from `start()` to `stop()`.
 * `on`: hello(message, resumed), events(list), progress(message), gap(message), lost(), refused().
 */
export class Feed {
  constructor(on) {
    this.on = on;
    this.seq = null;
    this.socket = null;
    this.timer = null;
    this.failures = 0;
    this.wanted = false;
    this.hiddenAt = null;
    addEventListener("online", () => this.now());
    document.addEventListener("visibilitychange", () => this.#seen());
  }

  start() {
    this.wanted = true;
    this.now();
  }

  stop() {
    this.wanted = false;
    this.seq = null;
    clearTimeout(this.timer);
    this.timer = null;
    this.socket?.close();
    this.socket = null;
  }

  /** Connects at once unless a connection stands or is under way. */
  now() {
    if (!this.wanted || this.socket) return;
    clearTimeout(this.timer);
    this.timer = null;
    this.#open();
  }

  /** Begins again; what was seen stays seen. */
  renew() {
    const old = this.socket;
    this.socket = null;
    old?.close();
    this.now();
  }

  #seen() {
    if (document.hidden) {
      this.hiddenAt = performance.now();
    } else if (this.hiddenAt !== null && performance.now() - this.hiddenAt > STALE_MS) {
      this.renew();
    } else {
      this.now();
    }
  }

  #open() {
    const url = address("ws");
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.search = this.seq === null ? "frame=many" : `frame=many&since=${this.seq}`;
    const socket = new WebSocket(url);
    this.socket = socket;
    socket.onmessage = (event) => this.socket === socket && this.#message(JSON.parse(event.data));
    socket.onclose = (event) => this.socket === socket && this.#closed(event);
  }

  #message(message) {
    if (message.type === "hello") {
      const resumed = this.seq !== null;
      this.failures = 0;
      this.seq ??= message.seq;
      this.on.hello(message, resumed);
    } else if (message.type === "events") {
      if (!message.events.length) return;
      this.seq = message.events.at(-1).seq;
      this.on.events(message.events);
    } else if (message.type === "batch.progress") {
      this.on.progress(message);
    } else if (message.type === "gap") {
      this.seq = message.to;
      this.on.gap(message);
    } else {
      this.seq = message.seq ?? this.seq;
      this.on.events([message]);
    }
  }

  #closed(event) {
    this.socket = null;
    if (!this.wanted) return;
    if (event.code === 1008) {
      this.on.refused();
      return;
    }
    this.on.lost();
    this.timer = setTimeout(() => this.now(), backoff(this.failures));
    this.failures += 1;
  }
}
