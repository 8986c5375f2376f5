// What else there is to know of a job: facts, the reason of a failure, attempts, files, the report.

import { badge } from "./board_row.js";
import { h, put, whenChanged } from "./dom.js";
import { hasEnded } from "./fold.js";
import { between, bytes, capital, clock, dollars, duration, score, span, when, words } from "./format.js";

const KAGGLE = "https://www.kaggle.com/competitions/";

function section(title, ...children) {
  return h("section", { class: "panel" }, h("h2", {}, title), ...children);
}

/** Why the job failed or is tried again, or that it is about to end. */
export function notice() {
  const element = h("div", { class: "notice", role: "status", hidden: true });
  const show = whenChanged((kind, head, text) => {
    element.hidden = kind === "";
    element.dataset.kind = kind;
    put(element, h("strong", {}, head), " ", text);
  });
  return { element, update: (job, now) => show(...noticeOf(job, now)) };
}

function noticeOf(job, now) {
  if (job.status === "failed") return ["failed", `${capital(words(job.error.reason))}.`, job.error.message];
  if (job.cancel_requested && !hasEnded(job)) return ["waiting", "Cancelling.", "The attempt is being stopped."];
  if (job.status !== "retrying") return ["", "", ""];
  const wait = duration(Date.parse(job.not_before) - now);
  return ["waiting", `Tried again in ${wait}.`, job.error ? job.error.message : ""];
}

export function facts() {
  const table = h("dl", { class: "facts" });
  const show = whenChanged((pairs) => put(table, pairs.flatMap(([name, value, href]) => [
    h("dt", {}, name), h("dd", {}, href ? h("a", { href, target: "_blank", rel: "noopener noreferrer" }, value) : value),
  ])));
  return { element: section("Job", table), update: (job, now) => show(factsOf(job, now)) };
}

function factsOf(job, now) {
  const latest = job.attempts.at(-1);
  const isKaggle = job.kaggle_url.startsWith(KAGGLE);
  return [
    ["Score", job.score === null ? "–" : `${score(job.score)} ${job.metric}`],
    ...(job.submission ? [["At Kaggle", job.submission.public_score === null ? job.submission.outcome : score(job.submission.public_score)]] : []),
    ...(job.task ? [["Task", words(job.task)]] : []),
    ["Elapsed", job.started_at ? between(job.started_at, job.completed_at, now) : "not started"],
    ...expected(latest, now),
    ["Requested", when(job.created_at, Date.now())],
    ["Budget", job.budget_s === null ? "default" : span(job.budget_s)],
    ["Model calls", `${dollars(job.dollars)} (${job.attempts.reduce((sum, one) => sum + one.llm_calls, 0)})`],
    ["Runs on", latest?.runtime ? `${latest.runtime}, ${latest.executor}` : "–"],
    ["Source", isKaggle ? job.competition : job.kaggle_url, isKaggle ? job.kaggle_url : null],
  ];
}

/** When a running attempt should be done: it plans for its budget. */
function expected(attempt, now) {
  if (attempt?.status !== "running" || attempt.budget_s === null) return [];
  const left = Date.parse(attempt.started_at) + attempt.budget_s * 1000 - now;
  return [["Expected", left > 0 ? `done in ${duration(left)} at most` : "any moment now"]];
}

export function attempts() {
  const rows = h("ol", { class: "attempts" });
  const show = whenChanged((found) => put(rows, found.length
    ? found.map(attemptRow)
    : h("li", { class: "quiet" }, "Waiting for a free place.")));
  return { element: section("Attempts", rows), update: (job, now) => show(job.attempts.map((one) => [one, timeOf(one, now)])) };
}

const timeOf = (attempt, now) => (attempt.started_at
  ? `${clock(attempt.started_at)}, ${between(attempt.started_at, attempt.ended_at, now)}`
  : `scheduled ${clock(attempt.scheduled_at)}`);

function attemptRow([attempt, time]) {
  return h("li", {},
    h("div", {}, h("strong", {}, `Attempt ${attempt.number}`), badge(attempt.status), h("span", { class: "time" }, time)),
    attempt.error && h("p", { class: "reason" }, h("code", {}, attempt.error.reason), " ", attempt.error.message),
    attempt.disk_bytes_peak !== null && h("p", { class: "quiet" }, `${bytes(attempt.disk_bytes_peak)} on the disk at most`),
    attempt.notes.map((note) => h("p", { class: "quiet" }, note)));
}

export function files() {
  const rows = h("ul", { class: "files" });
  const show = whenChanged((found, isOver) => put(rows, found.length
    ? found.map((file) => h("li", {}, h("a", { href: file.url }, file.name), h("span", { title: `SHA-256 ${file.sha256}` }, bytes(file.bytes))))
    : h("li", { class: "quiet" }, isOver ? "The job left no files." : "A finished job leaves its submission, its code and its report here.")));
  return { element: section("Files", rows), update: (job) => show(job.artifacts, hasEnded(job)) };
}

/** The report in a frame that may do nothing: generated code has written it. */
export function report() {
  const element = section("Report");
  element.hidden = true;
  const frame = h("iframe", { title: "Report", sandbox: "" });
  element.append(frame);
  const show = whenChanged((url) => {
    element.hidden = url === null;
    if (url) frame.setAttribute("src", url);
  });
  return { element, update: (job) => show(job.artifacts.find(({ name }) => name === "report.html")?.url ?? null) };
}
