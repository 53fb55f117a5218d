// Numbers, sizes, times and languages as people read them. Pure.

const numbers = new Intl.NumberFormat("en");
const languages = new Intl.DisplayNames("en", { type: "language", fallback: "code" });
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const exact = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3 });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

const WORDS = ["No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"];

export const number = (value) => (value === null || value === undefined ? "–" : numbers.format(value));

/** "1 file", "3,120 files". */
export const count = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

/** As a sentence begins: "Three files", "1,204 files". */
export const spelled = (value, one, many = `${one}s`) => `${WORDS[value] ?? number(value)} ${value === 1 ? one : many}`;

export const percent = (value) => `${value >= 10 || Number.isInteger(value) ? Math.floor(value) : value.toFixed(1)} %`;

/** Decimal units, as disks are sold. */
export function bytes(value) {
  if (value === null || value === undefined) return "–";
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  let rest = value;
  while (rest >= 1000 && unit < units.length - 1) {
    rest /= 1000;
    unit += 1;
  }
  return `${unit ? rest.toFixed(1) : rest} ${units[unit]}`;
}

/** A span in its two or three leading digits: "3 ms", "1.4 s", "12 min", "3 h", "4 days". */
export function span(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`;
  return `${Math.floor(seconds / 86400)} days`;
}

/** How long ago, short enough for a column. */
export function ago(at, now = Date.now()) {
  if (!at) return "–";
  const ms = Math.max(0, now - Date.parse(at));
  return ms < 1000 ? "now" : span(Math.floor(ms / 1000) * 1000).replace(".0 s", " s");
}

/** The same as a sentence ends: "now", "3 s ago". */
export const since = (at, now) => (ago(at, now) === "now" ? "now" : `${ago(at, now)} ago`);

/** A rest that is known: "about 2 min left". */
export const left = (seconds) =>
  seconds === null || seconds === undefined ? "Estimating…" : `about ${span(Math.max(1, seconds) * 1000).replace(".0", "")} left`;

export const timeOfDay = (at) => clock.format(new Date(at));
export const preciseTime = (at) => exact.format(new Date(at));
export const shortDay = (iso) => day.format(new Date(`${iso}T12:00:00`));
export const fullTime = (at) => full.format(new Date(at));

/** The name of a language code, in any of the forms that files use. */
export function language(code) {
  if (!code || code === "und") return "Undetermined";
  try {
    return languages.of(code);
  } catch {
    return code;
  }
}

const LAYOUTS = { 1: "mono", 2: "2.0", 6: "5.1", 8: "7.1" };

const CODECS = { ac3: "AC-3", eac3: "E-AC-3", truehd: "TrueHD", opus: "Opus", vorbis: "Vorbis" };
const codec = (name) => CODECS[name] ?? (name.startsWith("pcm_") ? "PCM" : name.length < 6 ? name.toUpperCase() : name);

/** "AC-3 · 5.1 · Commentary": what a track is, besides its language. */
export function trackFacts(track) {
  const facts = [codec(track.codec), LAYOUTS[track.channels] ?? (track.channels ? `${track.channels} channels` : null)];
  if (track.title) facts.push(track.title);
  if (track.commentary && !/comment/i.test(track.title ?? "")) facts.push("commentary");
  return facts.filter(Boolean).join(" · ");
}

const EPISODE = /^(.*?)[\s._-]*\b(S\d{1,3}E\d{1,4}(?:-?E?\d{1,4})*)\b/i;
const MOVIE = /^(.+?\(\d{4}\))/;

/** File path → title, folder and file name. A title that the sender told goes first. */
export function names(filePath, title) {
  const cut = filePath.lastIndexOf("/");
  const folder = filePath.slice(0, Math.max(cut, 0)) || "/";
  const file = filePath.slice(cut + 1);
  const stem = file.replace(/\.[a-z0-9]{2,4}$/i, "");
  const episode = EPISODE.exec(stem);
  if (episode) {
    const series = title || episode[1].replace(/[._]/g, " ").trim();
    return { title: series ? `${series} · ${episode[2].toUpperCase()}` : episode[2].toUpperCase(), folder, file };
  }
  return { title: title || (MOVIE.exec(stem)?.[1] ?? stem) || file, folder, file };
}

/** A path within a sentence: whatever direction its letters have, they turn nothing around them. */
export const isolated = (path) => `\u2068${path}\u2069`;

/** A folder without the part that all media roots share: "anime/Frieren/Season 01". */
export function shortFolder(folder, roots) {
  for (const root of roots) {
    if (folder !== root && !folder.startsWith(`${root}/`)) continue;
    const parent = root.slice(0, root.lastIndexOf("/") + 1);
    const rest = roots.length === 1 ? folder.slice(root.length + 1) : folder.slice(parent.length);
    return rest || folder;
  }
  return folder;
}
