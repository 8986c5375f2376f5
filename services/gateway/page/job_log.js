// What the attempts' processes wrote: read while it is looked at, the newest lines only.

import { h } from "./dom.js";
import { clock } from "./format.js";
import { ready } from "./session.js";

const LINES_MAX = 2000;
const AGAIN_MS = 2000;

export class LogView {
  #jobId; #source = null; #again = null; #last = [0, 0]; #turn = 0;
  #lines = h("ol", { class: "log" });
  #scroll = h("div", { class: "scroll tall", tabindex: "0", role: "log", "aria-label": "Log" }, this.#lines);
  #empty = h("p", { class: "quiet" }, "No lines yet.");
  element = h("details", { class: "panel", ontoggle: ({ target }) => (target.open ? this.#open() : this.close()) },
    h("summary", {}, h("h2", {}, "Log")), this.#empty, this.#scroll);

  constructor(jobId) {
    this.#jobId = jobId;
    this.#scroll.hidden = true;
  }

  close() {
    this.#turn += 1;
    clearTimeout(this.#again);
    this.#source?.close();
    this.#source = null;
  }

  async #open() {
    this.close();
    const turn = this.#turn;
    await ready();
    if (turn !== this.#turn) return;
    const source = new EventSource(`/jobs/${this.#jobId}/logs?follow=true`);
    this.#source = source;
    source.addEventListener("line", ({ data }) => this.#add(JSON.parse(data)));
    source.addEventListener("end", () => this.close());
    source.addEventListener("error", () => {
      if (source === this.#source && source.readyState === EventSource.CLOSED)
        this.#again = setTimeout(() => this.#open(), AGAIN_MS);
    });
  }

  /** A stream that is opened anew begins with lines that are here already. */
  #add({ attempt, number, time, stream, text }) {
    const [lastAttempt, lastNumber] = this.#last;
    if (attempt < lastAttempt || (attempt === lastAttempt && number <= lastNumber)) return;
    this.#last = [attempt, number];
    const { scrollHeight, scrollTop, clientHeight } = this.#scroll;
    const isAtEnd = scrollHeight - scrollTop - clientHeight < 40;
    this.#scroll.hidden = false;
    this.#empty.hidden = true;
    this.#lines.append(h("li", { "data-stream": stream }, h("time", { datetime: time }, clock(time)), h("span", {}, text)));
    if (this.#lines.children.length > LINES_MAX) this.#lines.firstChild.remove();
    if (isAtEnd) this.#scroll.scrollTop = this.#scroll.scrollHeight;
  }
}
