// Which page is shown: the board at #/, a job at #/jobs/<id>.  One stream is open at a time.

import { Board } from "./board.js";
import { h, put } from "./dom.js";
import { JobPage } from "./job.js";

const main = document.getElementById("main");
const link = document.getElementById("link");

const JOB = /^#\/jobs\/([0-9a-f-]{36})$/i;
let shown = null;

function showLink(state) {
  link.dataset.state = state;
  link.textContent = { live: "Live", away: "Reconnecting…", over: "" }[state];
}

function route() {
  const job = JOB.exec(location.hash);
  if (!job && !["", "#", "#/"].includes(location.hash)) return;
  shown?.close();
  showLink("over");
  window.scrollTo(0, 0);
  shown = job ? new JobPage(main, job[1].toLowerCase(), showLink) : new Board(main, showLink);
  main.focus({ preventScroll: true });
}

window.addEventListener("hashchange", route);
window.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (event.key !== "/" || typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const search = document.getElementById("search");
  if (search) {
    event.preventDefault();
    search.focus();
  }
});
put(main, h("p", { class: "empty" }, "Loading…"));
route();
