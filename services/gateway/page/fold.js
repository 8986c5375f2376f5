// The fold of one job in the browser: the same rules as events/job.py, with the shape of GET /status.
//
// Pure: a record in, a new view out.  A test folds recorded logs here and compares with the server's answer.

export const EVENT_TYPES = [
  "JobRequested", "JobCancelRequested", "AttemptScheduled", "AttemptStarted", "StageStarted",
  "StageProgressed", "StageCompleted", "ModelEvaluated", "LlmCallCompleted", "SubmissionUploaded", "EgressRefused",
  "AttemptSucceeded", "AttemptFailed", "AttemptLost", "RetryScheduled", "JobSucceeded", "JobFailed", "JobCancelled",
  "JobArchived",
];

export const STAGES = ["analysis", "planning", "codegen", "training"];

const ENDED = new Set(["success", "failed", "cancelled"]);

export const hasEnded = (job) => ENDED.has(job.status);

/** The job after all records, null where there is no JobRequested among them. */
export const fold = (records, job = null) => records.reduce(evolve, job);

/** The job after one more record; one that was seen before, or no longer counts, changes nothing else. */
export function evolve(job, record) {
  if (job === null) return record.type === "JobRequested" ? requested(record) : null;
  if (record.sequence <= job.sequence) return job;
  const seen = { ...job, sequence: record.sequence };
  const rule = RULES[record.type];
  if (rule === undefined || hasEnded(job)) return seen;
  const after = rule(seen, record);
  return after.status === "retrying" ? { ...after, error: after.attempts.at(-1)?.error ?? null } : after;
}

/** Everything that was asked for is a field of the job by the same name. */
function requested({ type, version, sequence, time, ...asked }) {
  return {
    ...asked,
    status: "queued",
    cancel_requested: false,
    created_at: time,
    started_at: null,
    completed_at: null,
    not_before: null,
    attempt: 0,
    stage: null,
    stages: [],
    models: [],
    submission: null,
    ...NO_RESULT,
    dollars: 0,
    error: null,
    attempts: [],
    archive: null,
    sequence,
    status_url: `/status/${asked.job_id}`,
    events_url: `/jobs/${asked.job_id}/events`,
    made: null,
  };
}

const NO_RESULT = { task: null, metric: null, maximize: null, score: null, fold_scores: [], artifacts: [] };

const RULES = {
  JobCancelRequested: (job) => ({ ...job, cancel_requested: true }),
  RetryScheduled: (job, { not_before }) => ({ ...job, status: "retrying", not_before }),
  JobSucceeded: (job, { time }) => ({ ...job, ...job.made, status: "success", completed_at: time, error: null }),
  JobFailed: (job, { time, reason, message }) =>
    ({ ...job, status: "failed", completed_at: time, error: { reason, message } }),
  JobCancelled: (job, { time }) => ({ ...job, status: "cancelled", completed_at: time, error: null }),
  AttemptScheduled: scheduled,
  AttemptStarted: ofAttempt("scheduled", started),
  StageStarted: ofAttempt("running", onStage((stage) => stage)),
  StageProgressed: ofAttempt("running", onStage((stage, { fraction, message }) => ({ ...stage, fraction, message }))),
  StageCompleted: ofAttempt("running", onStage((stage, { summary, time }) =>
    ({ ...stage, fraction: 1, message: summary, completed_at: time }))),
  ModelEvaluated: ofAttempt("running", (job, { model, metric, maximize, score, fold_scores }) =>
    ({ ...job, models: [...job.models, { model, metric, maximize, score, fold_scores }] })),
  LlmCallCompleted: ofAttempt("running", called),
  SubmissionUploaded: ofAttempt("running", (job, { outcome, public_score, message }) =>
    ({ ...job, submission: { outcome, public_score, message } })),
  AttemptSucceeded: ofAttempt("running", succeeded),
  AttemptFailed: ofAttempt("running", (job, { time, reason, message, disk_bytes_peak = null }) =>
    changed(job, { status: "failed", ended_at: time, disk_bytes_peak, error: { reason, message } })),
  AttemptLost: ofAttempt("running", (job, { time, ...event }) =>
    changed(job, { status: "lost", ended_at: time, error: lost(event) })),
};

function scheduled(job, { attempt, time }) {
  const busy = ["scheduled", "running"].includes(job.attempts.at(-1)?.status);
  if (busy || attempt !== job.attempt + 1) return job;
  const fresh = {
    number: attempt, status: "scheduled", scheduled_at: time, started_at: null, ended_at: null,
    executor: null, runtime: null, budget_s: null, notes: [], llm_calls: 0, dollars: 0, disk_bytes_peak: null,
    error: null,
  };
  return {
    ...job, status: "queued", not_before: null, error: null, attempt, stage: null, stages: [], models: [],
    submission: null, made: null, attempts: [...job.attempts, fresh],
  };
}

/** A rule that holds for the latest attempt while it is in a status, and for no other. */
function ofAttempt(status, rule) {
  return (job, record) => {
    const latest = job.attempts.at(-1);
    return latest?.number === record.attempt && latest.status === status ? rule(job, record) : job;
  };
}

function changed(job, change) {
  const attempts = [...job.attempts.slice(0, -1), { ...job.attempts.at(-1), ...change }];
  return { ...job, attempts };
}

function started(job, { time, executor, runtime, budget_s = null, notes }) {
  const after = changed(job, { status: "running", started_at: time, executor, runtime, budget_s, notes });
  return { ...after, status: "running", error: null, started_at: job.started_at ?? time };
}

function onStage(rule) {
  return (job, record) => {
    const fresh = { stage: record.stage, fraction: 0, message: "", started_at: record.time, completed_at: null };
    const known = job.stages.find(({ stage }) => stage === record.stage) ?? fresh;
    const others = job.stages.filter(({ stage }) => stage !== record.stage);
    return { ...job, stage: record.stage, stages: [...others, rule(known, record)] };
  };
}

function called(job, record) {
  const { llm_calls, dollars } = job.attempts.at(-1);
  const after = changed(job, { llm_calls: llm_calls + 1, dollars: dollars + record.dollars });
  return { ...after, dollars: after.attempts.reduce((sum, attempt) => sum + attempt.dollars, 0) };
}

/** The attempt is over, but only the job's success makes its files the job's. */
function succeeded(job, record) {
  const { task, metric, maximize, score, fold_scores, disk_bytes_peak = null } = record;
  const artifacts = record.artifacts.map(({ name, bytes, sha256 }) =>
    ({ name, url: `/jobs/${job.job_id}/files/${quoted(name)}`, bytes, sha256 }));
  const made = { task, metric, maximize, score, fold_scores, artifacts };
  return { ...changed(job, { status: "succeeded", ended_at: record.time, disk_bytes_peak }), made };
}

/** As Python's quote(name, safe=""). */
const quoted = (name) =>
  encodeURIComponent(name).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);

function lost({ executor, silent_s, left = false }) {
  const so_long = `${halfEven(silent_s)} s.`;
  return left
    ? { reason: "executor_left", message: `Executor ${executor} was stopped, and not back for ${so_long}` }
    : { reason: "executor_lost", message: `Executor ${executor} was silent for ${so_long}` };
}

/** Rounded as Python does it: a half goes to the even neighbour. */
function halfEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}
