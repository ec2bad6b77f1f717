// Times and durations in words. The server's clock counts; this page's only says how long ago it was told.

let told = { at: Date.now(), heard: performance.now() };

/** Take over the server's time. */
export function heard(now) {
  told = { at: Date.parse(now), heard: performance.now() };
}

/** The server's time now, in milliseconds. */
export const serverNow = () => told.at + performance.now() - told.heard;

/** 4:05, or 1:04:05; a clock that is a moment behind the server's shows nought. */
export function duration(seconds) {
  const whole = Math.floor(Math.max(0, seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const two = (value) => String(value).padStart(2, "0");
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

/** 5 min, 48 h, 90 s. */
export function span(seconds) {
  if (seconds >= 7200 && seconds % 3600 === 0) return `${seconds / 3600} h`;
  return seconds >= 60 && seconds % 60 === 0 ? `${seconds / 60} min` : `${seconds} s`;
}

/** 10:04:05, in UTC as everything is in an incident. */
export const clock = (at) => new Date(at).toISOString().slice(11, 19);

export const secondsSince = (at) => (serverNow() - Date.parse(at)) / 1000;
