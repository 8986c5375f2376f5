// The board: jobs, the newest first, each kept up to date by the one stream of all events.

import { ApiError, list, status } from "./api.js";
import { boardRow, updateRow } from "./board_row.js";
import { h, put } from "./dom.js";
import { evolve, hasEnded } from "./fold.js";
import { isSignedIn } from "./session.js";
import { Stream } from "./stream.js";
import { submitForm } from "./submit_form.js";

const STATUSES = ["running", "queued", "retrying", "success", "failed", "cancelled"];
/** What can bring a job that was not asked for under a filter. */
const MOVES = new Set(["AttemptScheduled", "AttemptStarted", "RetryScheduled", "JobSucceeded", "JobFailed", "JobCancelled"]);
const AGAIN_MS = 2000;
const TICK_MS = 1000;
/** What the server can look for: a part of a competition's name; and how long to wait for more of it. */
const NAME_PART = /^[a-z0-9-]{2,100}$/;
const TYPING_MS = 300;

export class Board {
  #jobs = new Map(); #rows = new Map(); #of = null; #words = ""; #nextBefore = null;
  #stream = null; #showLink; #generation = 0; #frame = null; #again = null; #clock; #changed = new Set(); #early = [];
  #typing = null; #hasFound = false;
  #list = h("ol", { class: "rows", "aria-label": "Jobs, the newest first" });
  #heads = h("div", { class: "heads", "aria-hidden": "true" },
    ["Status", "Competition", "Stages", "Score", "Elapsed", "Requested"].map((head) => h("span", {}, head)));
  #empty = h("div", { class: "empty" });
  #problem = h("p", { class: "problem", role: "alert" });
  #older = h("button", { hidden: true, onclick: () => this.#loadOlder() }, "Older jobs");
  #filters = h("div", { class: "filters", role: "group", "aria-label": "Show only" });

  constructor(root, showLink) {
    document.title = "Podium";
    this.#showLink = showLink;
    const search = h("input", {
      id: "search", type: "search", placeholder: "Search competition or id", "aria-label": "Search all jobs",
      oninput: ({ target }) => this.#search(target.value.trim().toLowerCase()),
    });
    put(this.#filters, [null, ...STATUSES].map((of) =>
      h("button", { "aria-pressed": String(of === this.#of), onclick: () => this.#filter(of) }, of ?? "all")));
    put(root,
      h("h1", { class: "hidden" }, "Jobs"),
      submitForm(({ job_id }) => { location.hash = `#/jobs/${job_id}`; }),
      h("div", { class: "tools" }, this.#filters, search),
      this.#problem, this.#heads, this.#list, this.#empty, h("div", { class: "more" }, this.#older));
    this.#clock = setInterval(() => this.#tick(), TICK_MS);
    this.#load();
  }

  close() {
    this.#generation += 1;
    clearInterval(this.#clock);
    clearTimeout(this.#again);
    clearTimeout(this.#typing);
    cancelAnimationFrame(this.#frame);
    this.#stream?.close();
  }

  /** Shows at once what fits of the jobs that are here, soon after also older ones that the server knows. */
  #search(words) {
    this.#words = words;
    clearTimeout(this.#typing);
    if (words === "" && this.#hasFound) return this.#load();
    this.#arrange();
    if (NAME_PART.test(words)) this.#typing = setTimeout(() => this.#find(words), TYPING_MS);
  }

  async #find(words) {
    const generation = this.#generation;
    try {
      const page = await list({ status: this.#of, search: words });
      if (generation !== this.#generation) return;
      this.#hasFound = true;
      await this.#take(page, generation);
    } catch (error) {
      if (generation === this.#generation) this.#failed(error, () => {});
    }
  }

  #filter(of) {
    this.#of = of;
    for (const [index, button] of [...this.#filters.children].entries())
      button.setAttribute("aria-pressed", String([null, ...STATUSES][index] === of));
    this.#load();
  }

  /** Reads the first page, then everything that happened since; again after a while where that fails. */
  async #load() {
    const generation = ++this.#generation;
    this.#stream?.close();
    clearTimeout(this.#again);
    try {
      const page = await list({ status: this.#of });
      if (generation !== this.#generation) return;
      put(this.#problem);
      this.#jobs = new Map();
      this.#hasFound = false;
      this.#nextBefore = page.next_before;
      await this.#take(page, generation);
      if (generation !== this.#generation) return;
      this.#stream = new Stream("/events", {
        after: page.sequence, onEvent: (record) => this.#see(record), onState: this.#showLink,
        onReset: () => this.#loadAgain(),
      });
    } catch (error) {
      if (generation === this.#generation) this.#failed(error, () => this.#loadAgain());
    }
  }

  #loadAgain() {
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.#load(), AGAIN_MS);
  }

  async #loadOlder() {
    const generation = this.#generation;
    this.#older.disabled = true;
    try {
      const page = await list({ before: this.#nextBefore, status: this.#of });
      if (generation !== this.#generation) return;
      this.#nextBefore = page.next_before;
      await this.#take(page, generation);
    } catch (error) {
      this.#failed(error, () => {});
    } finally {
      this.#older.disabled = false;
    }
  }

  /** A summary is final once its job has ended; of a live job all is read, for the fold to go on from. */
  async #take(page, generation) {
    const early = (this.#early = []);
    const views = await Promise.all(page.jobs.map((job) => (hasEnded(job) ? job : status(job.job_id))));
    if (generation !== this.#generation) return;
    for (const view of views)
      this.#jobs.set(view.job_id, early.reduce((job, record) => (record.job_id === job.job_id ? evolve(job, record) : job), view));
    this.#early = null;
    this.#arrange();
  }

  #see(record) {
    this.#early?.push(record);
    const before = this.#jobs.get(record.job_id) ?? null;
    if (before && hasEnded(before)) return;
    const job = evolve(before, record);
    if (job === null) {
      if (this.#of && MOVES.has(record.type)) this.#readAgain(record.job_id);
      return;
    }
    this.#jobs.set(record.job_id, job);
    this.#changed.add(record.job_id);
    if (job.status === "success" && !job.made) this.#readAgain(record.job_id);
    this.#frame ??= requestAnimationFrame(() => this.#draw());
  }

  /** A job whose attempt had succeeded before the board read it: the result is the server's to tell. */
  async #readAgain(jobId) {
    const generation = this.#generation;
    try {
      const job = await status(jobId);
      if (generation !== this.#generation) return;
      this.#jobs.set(jobId, job);
      this.#arrange();
    } catch (error) {
      if (generation === this.#generation) this.#failed(error, () => this.#loadAgain());
    }
  }

  #failed(error, then) {
    if (!(error instanceof ApiError)) throw error;
    put(this.#problem, error.message);
    this.#showLink("away");
    then();
  }

  #draw() {
    this.#frame = null;
    const arrangement = [...this.#changed].some((jobId) => this.#rows.has(jobId) !== this.#isShown(this.#jobs.get(jobId)));
    if (arrangement) this.#arrange();
    else for (const jobId of this.#changed) if (this.#rows.has(jobId)) updateRow(this.#rows.get(jobId), this.#jobs.get(jobId), Date.now());
    this.#changed.clear();
  }

  #isShown(job) {
    const text = `${job.competition} ${job.job_id}`.toLowerCase();
    return (this.#of === null || job.status === this.#of) && text.includes(this.#words);
  }

  /** Puts the rows that are to be seen in their order, and makes those that are new. */
  #arrange() {
    const now = Date.now();
    const shown = [...this.#jobs.values()].filter((job) => this.#isShown(job)).sort(newestFirst);
    const rows = new Map(shown.map((job) => [job.job_id, this.#rows.get(job.job_id) ?? boardRow(job)]));
    for (const job of shown) updateRow(rows.get(job.job_id), job, now);
    this.#rows = rows;
    const focused = document.activeElement;
    put(this.#list, [...rows.values()]);
    if (this.#list.contains(focused)) focused.focus();
    this.#older.hidden = this.#nextBefore === null;
    this.#heads.hidden = shown.length === 0;
    put(this.#empty, shown.length ? null : this.#teach());
  }

  #teach() {
    if (this.#jobs.size || this.#of) return h("p", {}, "No job here is like that.");
    const body = JSON.stringify({ kaggle_url: "https://www.kaggle.com/competitions/titanic" });
    const key = isSignedIn() ? ' \\\n  -H "Authorization: Bearer $PODIUM_API_KEY"' : "";
    return h("div", {},
      h("h2", {}, "No jobs yet"),
      h("p", {}, "Give the address of a Kaggle competition above, or from a terminal:"),
      h("pre", {}, `curl -X POST ${location.origin}/run${key} \\\n  -H 'Content-Type: application/json' \\\n  -d '${body}'`));
  }

  #tick() {
    const now = Date.now();
    for (const [jobId, row] of this.#rows) if (!hasEnded(this.#jobs.get(jobId))) updateRow(row, this.#jobs.get(jobId), now);
  }
}

const newestFirst = (one, other) =>
  Date.parse(other.created_at) - Date.parse(one.created_at) || (one.job_id < other.job_id ? 1 : -1);
