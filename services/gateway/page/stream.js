// Server-sent events that outlive everything: a restarted gateway, a lost network, a laptop that slept.

import { EVENT_TYPES } from "./fold.js";
import { doubt, ready } from "./session.js";

const AGAIN_MS = 2000;
const WATCH_MS = 5000;
const SLEPT_MS = 20000;
const HIDDEN_MS = 20000;

/** Follows a path from a sequence on, each event once and in order, until `close`.
 *
 * EventSource itself comes back with Last-Event-ID after a lost connection; this comes back where it gives up
 * (an answer of 503), where a connection may be dead unnoticed (sleep), and lets go of it in a tab that nobody
 * looks at, because a browser has only six to a server.
 */
export class Stream {
  #path; #last; #onEvent; #onState; #onReset; #source = null; #again = null; #hide = null; #watch; #ticked; #closed = false; #turn = 0;

  constructor(path, { after, onEvent, onState, onReset = () => {} }) {
    this.#path = path;
    this.#last = after;
    this.#onEvent = onEvent;
    this.#onState = onState;
    this.#onReset = onReset;
    this.#ticked = Date.now();
    this.#watch = setInterval(() => this.#tick(), WATCH_MS);
    document.addEventListener("visibilitychange", this.#onVisibility);
    window.addEventListener("online", this.#reopen);
    this.#open();
  }

  close() {
    this.#closed = true;
    clearInterval(this.#watch);
    clearTimeout(this.#hide);
    document.removeEventListener("visibilitychange", this.#onVisibility);
    window.removeEventListener("online", this.#reopen);
    this.#drop();
  }

  async #open() {
    const turn = (this.#turn += 1);
    await ready();
    if (this.#closed || turn !== this.#turn) return;
    const source = new EventSource(`${this.#path}?after=${this.#last}`);
    this.#source = source;
    source.addEventListener("open", () => this.#onState("live"));
    source.addEventListener("error", () => this.#failed(source));
    source.addEventListener("reset", ({ data }) => this.#onReset(JSON.parse(data)));
    for (const type of EVENT_TYPES) source.addEventListener(type, ({ data }) => this.#take(JSON.parse(data)));
  }

  #take(record) {
    if (record.sequence <= this.#last) return;
    this.#last = record.sequence;
    this.#onEvent(record);
  }

  #failed(source) {
    if (this.#closed || source !== this.#source) return;
    this.#onState("away");
    if (source.readyState === EventSource.CLOSED) {
      doubt();
      this.#drop();
      this.#again = setTimeout(this.#reopen, AGAIN_MS);
    }
  }

  #drop() {
    this.#turn += 1;
    clearTimeout(this.#again);
    this.#source?.close();
    this.#source = null;
  }

  #reopen = () => {
    this.#drop();
    if (!this.#closed && !document.hidden) this.#open();
  };

  #tick() {
    const now = Date.now();
    if (now - this.#ticked > SLEPT_MS && !document.hidden) this.#reopen();
    this.#ticked = now;
  }

  #onVisibility = () => {
    clearTimeout(this.#hide);
    if (document.hidden) this.#hide = setTimeout(() => this.#drop(), HIDDEN_MS);
    else if (this.#source === null) this.#reopen();
  };
}
