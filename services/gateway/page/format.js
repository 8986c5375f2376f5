// Numbers and times as a person reads them.

export function duration(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${String(s % 60).padStart(2, "0")} s`;
  return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} min`;
}

/** A length that somebody chose: without the zeros at its end. */
export const span = (seconds) => duration(seconds * 1000).replace(/ 00 (s|min)$/, "");

/** From one time of an event to another, or to now where that is still to come. */
export const between = (from, to, now) => duration((to ? Date.parse(to) : now) - Date.parse(from));

const pad = (number) => String(number).padStart(2, "0");

export function clock(time) {
  const at = new Date(time);
  return `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`;
}

export function day(time) {
  const at = new Date(time);
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;
}

/** The hour today, the date before that. */
export const when = (time, now) => (day(time) === day(now) ? clock(time) : `${day(time)} ${clock(time).slice(0, 5)}`);

export function score(value) {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  return size !== 0 && (size < 0.001 || size >= 1e6) ? value.toExponential(3) : value.toFixed(size >= 100 ? 2 : 4);
}

export const percent = (fraction) => `${Math.floor(fraction * 100)} %`;

export const dollars = (value) => `$${value.toFixed(value > 0 && value < 0.1 ? 4 : 2)}`;

export function bytes(count) {
  const units = ["B", "kB", "MB", "GB"];
  let unit = 0;
  for (; count >= 1000 && unit < units.length - 1; unit += 1) count /= 1000;
  return `${unit === 0 || count >= 100 ? Math.round(count) : count.toFixed(1)} ${units[unit]}`;
}

/** A code such as `rules_not_accepted` as words. */
export const words = (code) => code.replaceAll("_", " ");

export const capital = (text) => text.slice(0, 1).toUpperCase() + text.slice(1);
