// The one polite live region: at most one message in ten seconds, the newest wins.

const QUIET_MS = 10_000;

let last = -Infinity;
let waiting = null;
let next = null;

function say(words) {
  last = performance.now();
  document.getElementById("announcer").textContent = words;
}

/** Tells screen readers something that is worth an interruption. */
export function announce(words) {
  next = words;
  if (waiting !== null) return;
  const pause = Math.max(0, last + QUIET_MS - performance.now());
  waiting = setTimeout(() => {
    waiting = null;
    say(next);
  }, pause);
}
