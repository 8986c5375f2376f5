// A job's page: its events, folded up to the moment that the slider points at.

import { ApiError, status } from "./api.js";
import { actions } from "./actions.js";
import { badge } from "./board_row.js";
import { chart } from "./chart.js";
import { attempts, facts, files, notice, report } from "./details.js";
import { h, put, whenChanged } from "./dom.js";
import { evolve, hasEnded } from "./fold.js";
import { LogView } from "./job_log.js";
import { stages } from "./stages.js";
import { Stream } from "./stream.js";
import { timeline } from "./timeline.js";

const TICK_MS = 1000;
const LAST = new Set(["JobSucceeded", "JobFailed", "JobCancelled"]);

export class JobPage {
  #jobId; #root; #showLink; #stream = null; #frame = null; #clock = null; #parts = null; #log; #closed = false;
  #records = []; #views = []; #place = null;

  constructor(root, jobId, showLink) {
    document.title = "Job · Podium";
    this.#root = root;
    this.#jobId = jobId;
    this.#showLink = showLink;
    this.#log = new LogView(jobId);
    put(root, h("p", { class: "empty" }, "Loading…"));
    this.#open();
  }

  close() {
    this.#closed = true;
    this.#stream?.close();
    this.#log.close();
    clearInterval(this.#clock);
    cancelAnimationFrame(this.#frame);
  }

  /** Asks once whether there is such a job: a stream cannot tell "no such job" from "away". */
  async #open() {
    let job;
    try {
      job = await status(this.#jobId);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      if (this.#closed) return;
      this.#absent(error);
      return;
    }
    if (this.#closed) return;
    this.#build();
    if (job.archive) {
      this.#showArchived(job);
      return;
    }
    this.#clock = setInterval(() => this.#draw(), TICK_MS);
    this.#stream = new Stream(`/jobs/${this.#jobId}/events`, {
      after: 0, onEvent: (record) => this.#see(record), onState: (state) => this.#showLink(this.#isOver ? "over" : state),
    });
  }

  /** What its events came to: they themselves are in a file. */
  #showArchived(job) {
    this.#records = [{ type: "JobArchived", sequence: job.sequence, time: job.archive.at, file: job.archive.file }];
    this.#views = [job];
    this.#showLink("over");
    this.#draw();
  }

  #absent(error) {
    const known = error.status >= 400 && error.status < 500;
    put(this.#root, h("div", { class: "empty", role: "alert" },
      h("h1", {}, known ? "No such job" : "Cannot be read now"),
      h("p", {}, error.message),
      h("p", {}, known ? h("a", { href: "#/" }, "To the board") : h("button", { onclick: () => this.#open() }, "Try again"))));
  }

  #build() {
    const now = () => this.#views.at(-1);
    this.#parts = {
      title: h("span", {}), status: h("span", { role: "status" }), id: h("code", { class: "id" }, this.#jobId),
      actions: actions(this.#jobId, now), notice: notice(), stages: stages(), chart: chart(), facts: facts(),
      attempts: attempts(), files: files(), report: report(),
      timeline: timeline((place) => { this.#place = place; this.#draw(); }),
    };
    const part = this.#parts;
    put(this.#root,
      h("a", { class: "back", href: "#/" }, "All jobs"),
      h("div", { class: "head" }, h("h1", {}, part.title, part.status), part.actions.element, part.id),
      part.timeline.slider, part.notice.element,
      h("div", { class: "columns" },
        h("div", { class: "wide" }, part.stages.element, part.chart.element, part.report.element, this.#log.element),
        h("div", { class: "side" }, part.facts.element, part.files.element, part.attempts.element, part.timeline.element)));
    this.#showTitle = whenChanged((competition, state) => {
      document.title = `${competition}: ${state} · Podium`;
      put(part.title, competition);
      put(part.status, badge(state));
    });
  }

  #showTitle;

  get #isOver() {
    return LAST.has(this.#records.at(-1)?.type);
  }

  #see(record) {
    const job = evolve(this.#views.at(-1) ?? null, record);
    if (job === null) return;
    this.#records.push(record);
    this.#views.push(job);
    if (this.#isOver) {
      this.#stream?.close();
      this.#showLink("over");
    }
    this.#frame ??= requestAnimationFrame(() => { this.#frame = null; this.#draw(); });
  }

  /** Shows the job at the slider's place, or the newest there is; then time is what it was. */
  #draw() {
    if (this.#views.length === 0) return;
    const place = this.#place ?? this.#views.length - 1;
    const job = this.#views[place];
    const isPast = place < this.#views.length - 1;
    const now = isPast || hasEnded(job) ? Date.parse(this.#records[place].time) : Date.now();
    const part = this.#parts;
    this.#showTitle(job.competition, job.status);
    part.actions.update(this.#views.at(-1));
    part.notice.update(job, now);
    part.timeline.update(this.#records, place, isPast);
    for (const name of ["stages", "chart", "facts", "attempts"]) part[name].update(job, now);
    part.files.update(job);
    part.report.update(job);
  }
}
