// Which page is shown: the board at #/, a job at #/jobs/<id>.  One stream is open at a time.

import { Board } from "./board.js";
import { h, put } from "./dom.js";
import { JobPage } from "./job.js";
import { isSignedIn, KEY_WANTED, ready, signOut } from "./session.js";
import { signInForm } from "./sign_in.js";

const main = document.getElementById("main");
const link = document.getElementById("link");
const leave = h("button", { type: "button", hidden: true, onclick: async () => { await signOut(); askForKey(); } }, "Sign out");
link.before(leave);

const JOB = /^#\/jobs\/([0-9a-f-]{36})$/i;
let shown = null;
let isAsking = false;

function showLink(state) {
  link.dataset.state = state;
  link.textContent = { live: "Live", away: "Reconnecting…", over: "" }[state];
}

/** Shows the sign-in form in the place of whatever wanted a key. */
function askForKey() {
  if (isAsking) return;
  isAsking = true;
  shown?.close();
  shown = null;
  showLink("over");
  leave.hidden = true;
  put(main, signInForm(() => { isAsking = false; route(); }));
  document.getElementById("api-key").focus();
}

async function route() {
  if (isAsking) return;
  await ready();
  leave.hidden = !isSignedIn();
  const job = JOB.exec(location.hash);
  if (!job && !["", "#", "#/"].includes(location.hash)) return;
  shown?.close();
  showLink("over");
  window.scrollTo(0, 0);
  shown = job ? new JobPage(main, job[1].toLowerCase(), showLink) : new Board(main, showLink);
  main.focus({ preventScroll: true });
}

window.addEventListener("hashchange", route);
window.addEventListener(KEY_WANTED, askForKey);
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
