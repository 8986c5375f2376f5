// One job as a line of the board: a link that reads as a sentence.

import { h, put } from "./dom.js";
import { STAGES, hasEnded } from "./fold.js";
import { between, score, when, words } from "./format.js";

export function badge(status) {
  return h("span", { class: "badge", "data-status": status }, status);
}

/** The row of a job; `updateRow` fills it in. */
export function boardRow(job) {
  const cell = (name) => h("span", { class: name });
  const bar = h("span", { class: "steps", "aria-hidden": "true" }, STAGES.map(() => h("i", {}, h("b"))));
  const link = h("a", { href: `#/jobs/${job.job_id}` },
    cell("state"), h("span", { class: "name" }, h("strong", {}, job.competition), cell("detail")),
    bar, cell("score"), cell("time"), cell("age"));
  return h("li", {}, link);
}

export function updateRow(row, job, now) {
  const at = (name) => row.querySelector(`.${name}`);
  const state = at("state");
  if (state.textContent !== job.status) put(state, badge(job.status));
  at("detail").textContent = detail(job, now);
  at("score").textContent = job.score === null ? "" : `${score(job.score)} ${job.metric}`;
  at("time").textContent = job.started_at ? between(job.started_at, job.completed_at, now) : "";
  at("age").textContent = when(job.created_at, now);
  fillSteps(at("steps"), job);
}

function detail(job, now) {
  if (job.error) return `${words(job.error.reason)}: ${job.error.message}`;
  if (job.status === "retrying") return `next attempt ${when(job.not_before, now)}`;
  if (job.cancel_requested && !hasEnded(job)) return "cancelling";
  if (job.status !== "running" || !job.stage) return job.job_id.slice(-12);
  const message = job.stages?.at(-1)?.message;
  return message ? `${job.stage}: ${message}` : job.stage;
}

/** Stages before the one it is in are full; of a summary, the one it is in has no fraction. */
function fillSteps(bar, job) {
  bar.dataset.status = job.status;
  const reached = STAGES.indexOf(job.stage);
  for (const [index, step] of [...bar.children].entries()) {
    const known = job.stages?.find(({ stage }) => stage === STAGES[index])?.fraction;
    const fraction = job.status === "success" ? 1 : known ?? (index < reached ? 1 : index === reached ? 0.5 : 0);
    step.firstChild.style.width = `${fraction * 100}%`;
  }
}
