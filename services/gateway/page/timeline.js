// The events of a job, and the slider that goes back to any of them.

import { h, put } from "./dom.js";
import { capital, clock, percent, score, words } from "./format.js";

/** `onPlace` gets the place of an event, or null for "now, and on as things happen". */
export function timeline(onPlace) {
  const input = h("input", { id: "moment", type: "range", min: "0", max: "0", value: "0", step: "1" });
  const label = h("output", { for: "moment" });
  const live = h("button", { onclick: () => onPlace(null) }, "Now");
  const slider = h("div", { class: "moment" }, h("label", { for: "moment" }, "Moment"), input, label, live);
  const rows = h("ol", { class: "events" });
  const count = h("span", { class: "count" });
  const element = h("section", { class: "panel" }, h("h2", {}, "Events", count), h("div", { class: "scroll tall" }, rows));

  const choose = (place) => onPlace(place >= Number(input.max) ? null : place);
  input.addEventListener("input", () => choose(Number(input.value)));

  function update(records, place, isPast) {
    for (let index = rows.children.length; index < records.length; index += 1)
      rows.prepend(row(records[index], () => choose(index)));
    input.max = String(records.length - 1);
    input.value = String(place);
    const at = `event ${place + 1} of ${records.length}, ${clock(records[place].time)}`;
    input.setAttribute("aria-valuetext", `${words(named(records[place].type))}, ${at}`);
    put(label, isPast ? `As it was: ${at}` : capital(at));
    put(count, String(records.length));
    slider.classList.toggle("past", isPast);
    live.hidden = !isPast;
    const chosen = rows.children[records.length - 1 - place];
    for (const other of rows.querySelectorAll("[aria-current]")) if (other !== chosen) other.removeAttribute("aria-current");
    chosen.setAttribute("aria-current", "true");
  }
  return { element, slider, update };
}

function row(record, onclick) {
  return h("li", {}, h("button", { onclick, title: `sequence ${record.sequence}` },
    h("time", { datetime: record.time }, clock(record.time)), h("strong", {}, named(record.type)), h("span", {}, told(record))));
}

/** `StageStarted` as "Stage started". */
const named = (type) => type.replace(/(?!^)[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);

function told(record) {
  switch (record.type) {
    case "JobRequested": return record.kaggle_url;
    case "AttemptScheduled": return `attempt ${record.attempt}`;
    case "AttemptStarted": return `attempt ${record.attempt} on ${record.runtime}`;
    case "StageStarted": return record.stage;
    case "StageProgressed": return `${record.stage} ${percent(record.fraction)}: ${record.message}`;
    case "StageCompleted": return `${record.stage}: ${record.summary}`;
    case "ModelEvaluated": return `${record.model}: ${score(record.score)} ${record.metric}`;
    case "LlmCallCompleted": return `${record.model}: ${record.purpose}`;
    case "SubmissionUploaded": return record.message;
    case "EgressRefused": return record.what;
    case "JobArchived": return record.file;
    case "AttemptSucceeded": return `${score(record.score)} ${record.metric}`;
    case "AttemptFailed": case "JobFailed": return `${words(record.reason)}: ${record.message}`;
    case "AttemptLost": return `attempt ${record.attempt}`;
    case "RetryScheduled": return `attempt ${record.attempt}, not before ${clock(record.not_before)}`;
    default: return "";
  }
}
