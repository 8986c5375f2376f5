// Requests to the gateway; every error is an ApiError that says what a person can read, by field where it can.

import { authorization, KEY_WANTED } from "./session.js";

export class ApiError extends Error {
  /** `fields` are {field, message}; `status` is 0 where no answer came. */
  constructor(message, { status = 0, fields = [] } = {}) {
    super(message);
    this.status = status;
    this.fields = fields;
  }
}

export const submit = (asked) =>
  call("/run", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(asked) });

export const cancel = (jobId) => call(`/jobs/${jobId}`, { method: "DELETE" });

export const status = (jobId) => call(`/status/${jobId}`);

export function list({ before = null, status: of = null, search = null } = {}) {
  const query = new URLSearchParams({ limit: "50" });
  if (before) query.set("before", before);
  if (of) query.set("status", of);
  if (search) query.set("search", search);
  return call(`/jobs?${query}`);
}

async function call(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { ...options.headers, ...authorization() } });
  } catch (error) {
    if (error instanceof TypeError) throw new ApiError("The server does not answer. Is it running?");
    throw error;
  }
  if (answer.ok) return answer.json();
  if (answer.status === 401) window.dispatchEvent(new Event(KEY_WANTED));
  throw await problem(answer);
}

/** RFC 9457 problem details; something between us and the gateway may answer otherwise. */
async function problem(answer) {
  const text = await answer.text();
  const fallback = `The server answered ${answer.status}.`;
  if (!answer.headers.get("Content-Type")?.includes("json")) return new ApiError(fallback, { status: answer.status });
  const { detail, errors = [] } = JSON.parse(text);
  return new ApiError(detail ?? fallback, { status: answer.status, fields: errors });
}
