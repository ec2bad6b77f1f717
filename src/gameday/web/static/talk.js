// What a page says to the server, and what it hears of it: requests of people, and the stream of states.
import { heard } from "./time.js";

const page = document.body.dataset.page;
const SILENCE_MS = 22000; // Two heartbeats of the server (src/gameday/web/stream.py), and a little.
const AGAIN_MS = 1000;

/** Send JSON; the answer, {refused} with the reason, or {refused, lost: true} where nobody answered. */
export async function post(path, body) {
  try {
    const answer = await fetch(`${path}?page=${page}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const told = await answer.json();
    return answer.ok ? told : { refused: told.refused ?? `The server answered ${answer.status}.` };
  } catch {
    return { refused: "There is no connection, so it was not sent. What you wrote is kept here; send it again when there is one.", lost: true };
  }
}

/** Fetch JSON; null where it cannot be had. */
export async function get(path) {
  try {
    const answer = await fetch(`${path}?page=${page}`);
    return answer.ok ? await answer.json() : null;
  } catch {
    return null;
  }
}

/** The stream of states: comes back by itself, and says whether there is a line ("on", "lost" or "refused"). */
export class Line {
  #source = null;
  #seq = null;
  #quiet = 0;
  #retry = 0;

  constructor(onState, onLine) {
    this.onState = onState;
    this.onLine = onLine;
    addEventListener("offline", () => this.#lose());
    addEventListener("online", () => this.open(this.person));
    // A page that was asleep looks at once whether its line is still there.
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.#source?.readyState !== EventSource.OPEN) this.open(this.person);
    });
  }

  /** Listen as this person, from the state that is there already on. */
  open(person) {
    // Somebody else may see something else.
    if (person !== this.person) this.#seq = null;
    this.person = person;
    this.#close();
    const wanted = new URLSearchParams({ page, person });
    if (this.#seq !== null) wanted.set("after", this.#seq);
    const source = (this.#source = new EventSource(`/api/events?${wanted}`));
    source.addEventListener("open", () => this.#alive());
    source.addEventListener("state", (event) => {
      const state = JSON.parse(event.data);
      this.#seq = event.lastEventId;
      this.#alive();
      heard(state.now);
      this.onState(state);
    });
    source.addEventListener("beat", (event) => {
      this.#alive();
      heard(JSON.parse(event.data));
    });
    source.addEventListener("error", () => this.#lose());
    this.#listen();
  }

  #alive() {
    this.onLine("on");
    this.#listen();
  }

  #listen() {
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#lose(), SILENCE_MS);
  }

  #lose() {
    this.#close();
    this.onLine("lost");
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#again(), AGAIN_MS);
  }

  /** Try again; a rehearsal that was begun anew has other tokens, and its page says so. */
  async #again() {
    const answer = await fetch(`/api/state?page=${page}`).catch(() => null);
    if (answer?.status === 401) location.reload();
    else this.open(this.person);
  }

  #close() {
    clearTimeout(this.#quiet);
    clearTimeout(this.#retry);
    this.#source?.close();
    this.#source = null;
  }
}
