// What can be done with a job: end it, run it again, take the request elsewhere.

import { ApiError, cancel, submit } from "./api.js";
import { h, put } from "./dom.js";
import { hasEnded } from "./fold.js";
import { isSignedIn } from "./session.js";

const SAID_MS = 2500;
const ASKED = ["kaggle_url", "budget_s", "time_limit_s", "priority", "submitter", "tags", "dollars_max", "submit",
  "webhook_url", "webhook_stages"];

/** `current` gives the job as it is now, whatever moment the page shows. */
export function actions(jobId, current) {
  const said = h("span", { class: "said", role: "status" });
  const say = (text) => {
    put(said, text);
    setTimeout(() => { if (said.textContent === text) put(said); }, SAID_MS);
  };
  const stop = button("Cancel", say, () => cancel(jobId));
  const again = button("Run again", say, async () => {
    const answer = await submit(requestOf(current()));
    location.hash = `#/jobs/${answer.job_id}`;
  });
  const copy = button("Copy as curl", say, async () => {
    say((await copied(curlOf(current()))) ? "Copied." : "The browser does not let this page copy.");
  });
  stop.classList.add("danger");
  const element = h("div", { class: "actions" }, said, stop, again, copy);
  return {
    element,
    update(job) {
      stop.hidden = hasEnded(job);
      stop.disabled = job.cancel_requested;
    },
  };
}

function button(label, say, act) {
  const element = h("button", { type: "button", onclick: async () => {
    element.disabled = true;
    try {
      await act();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      say(error.message);
    } finally {
      element.disabled = false;
    }
  } }, label);
  return element;
}

/** All that was asked for: without its cap a second run could cost anything. */
function requestOf(job) {
  const given = ASKED.map((name) => [name, job[name]]);
  return Object.fromEntries(given.filter(([, value]) => value !== null && value !== false && value.length !== 0));
}

/** The request as a shell takes it: a quote inside the quotes ends them, escapes one, and begins again. */
function curlOf(job) {
  const body = JSON.stringify(requestOf(job)).replaceAll("'", "'\\''");
  const key = isSignedIn() ? ' -H "Authorization: Bearer $PODIUM_API_KEY"' : "";
  return `curl -X POST '${location.origin}/run'${key} -H 'Content-Type: application/json' -d '${body}'`;
}

/** Whether the text is on the clipboard; a browser refuses it outside of https and this machine. */
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    return false;
  }
  return true;
}
