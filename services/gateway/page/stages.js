// The four stages of the latest attempt: a bar each, with its message and its time.

import { h } from "./dom.js";
import { STAGES } from "./fold.js";
import { between, percent } from "./format.js";

export function stages() {
  const rows = STAGES.map((name) => {
    const [share, time, message] = ["share", "time", "message"].map((kind) => h("span", { class: kind }));
    const fill = h("i", {});
    const bar = h("div", {
      class: "bar", role: "progressbar", "aria-label": name, "aria-valuemin": "0", "aria-valuemax": "100",
    }, fill);
    const element = h("li", {}, h("span", { class: "name" }, name), bar, share, time, message);
    return { name, element, bar, fill, share, time, message };
  });
  const element = h("section", { class: "panel" }, h("h2", {}, "Stages"), h("ol", { class: "stages" }, rows.map((row) => row.element)));
  return { element, update: (job, now) => rows.forEach((row) => show(row, job, now)) };
}

function show(row, job, now) {
  const stage = job.stages.find(({ stage: name }) => name === row.name);
  const end = stage?.completed_at ?? job.attempts.at(-1)?.ended_at;
  const state = stage === undefined ? "waiting" : stage.completed_at ? "done" : end ? "broken" : "running";
  const fraction = stage?.fraction ?? 0;
  row.element.dataset.state = state;
  row.bar.setAttribute("aria-valuenow", String(Math.floor(fraction * 100)));
  row.fill.style.width = `${fraction * 100}%`;
  row.share.textContent = stage ? percent(fraction) : "";
  row.time.textContent = stage ? between(stage.started_at, end, now) : "";
  row.message.textContent = stage?.message || { waiting: "not begun", running: "begun", done: "", broken: "broken off" }[state];
}
