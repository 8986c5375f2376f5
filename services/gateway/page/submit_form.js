// The form that submits a competition: what is wrong shows at its field, before the server says so and after.

import { submit } from "./api.js";
import { parse } from "./competition_url.js";
import { h, put } from "./dom.js";
import { span } from "./format.js";

const BUDGET_MIN_S = 30;
const BUDGET_MAX_S = 86400;
const LIMIT_MIN_S = 60;
const LIMIT_MAX_S = 99999;
const DOLLARS_MAX = 1000;
const TAGS_MAX = 10;
const TAG = /^[A-Za-z0-9_.:-]{1,40}$/;
const PRIORITIES = ["low", "normal", "high"];

/** `onAccepted` gets the server's answer, with the new job's id. */
export function submitForm(onAccepted) {
  const url = field("kaggle_url", "Competition", {
    type: "text", inputmode: "url", required: true, autocomplete: "off", spellcheck: "false",
    placeholder: "https://www.kaggle.com/competitions/titanic",
  });
  const budget = field("budget_s", "Budget (seconds)", { type: "text", inputmode: "numeric", placeholder: "default" });
  const limit = field("time_limit_s", "Stopped after (seconds)", { type: "text", inputmode: "numeric", placeholder: "default" });
  const priority = h("select", { id: "priority", name: "priority" },
    PRIORITIES.map((name) => h("option", { value: name, selected: name === "normal" }, name)));
  const dollars = field("dollars_max", "Model calls, at most (dollars)", { type: "text", inputmode: "decimal", placeholder: "the server's limit" });
  const tags = field("tags", "Tags", { type: "text", autocomplete: "off", spellcheck: "false", placeholder: "words to find it by" });
  const toKaggle = h("input", { name: "submit", type: "checkbox" });
  const more = h("details", { class: "more-options" }, h("summary", {}, "More options"),
    h("div", {}, limit.box, h("div", { class: "field" }, h("label", { for: "priority" }, "Priority"), priority), dollars.box, tags.box),
    h("label", { class: "choice" }, toKaggle, "Submit the answer to Kaggle"));
  const button = h("button", { class: "primary", type: "submit" }, "Solve");
  const problem = h("p", { class: "problem", role: "alert" });

  url.input.addEventListener("input", () => say(url, url.input.value ? urlProblem(url) : null, urlHint(url)));
  for (const [at, least, most] of [[budget, BUDGET_MIN_S, BUDGET_MAX_S], [limit, LIMIT_MIN_S, LIMIT_MAX_S]])
    at.input.addEventListener("input", () => say(at, secondsProblem(at, least, most), secondsHint(at)));

  const checks = [[url, urlProblem], [budget, (at) => secondsProblem(at, BUDGET_MIN_S, BUDGET_MAX_S)],
    [limit, (at) => secondsProblem(at, LIMIT_MIN_S, LIMIT_MAX_S)], [dollars, dollarsProblem], [tags, tagsProblem]];
  for (const [at, problemOf] of checks.slice(3)) at.input.addEventListener("input", () => say(at, problemOf(at)));

  const form = h("form", { class: "submit", novalidate: true, "aria-label": "Submit a competition", onsubmit: send },
    url.box, budget.box, button, more, problem);

  async function send(event) {
    event.preventDefault();
    const wrong = checks.map(([at, problemOf]) => [at, problemOf(at)]).filter(([at, why]) => say(at, why));
    if (wrong.some(([at]) => more.contains(at.input))) more.open = true;
    if (wrong.length) return wrong[0][0].input.focus();
    put(problem);
    button.disabled = true;
    try {
      onAccepted(await submit({
        kaggle_url: url.input.value, ...seconds(budget), ...seconds(limit),
        ...(priority.value === "normal" ? {} : { priority: priority.value }),
        ...(dollars.input.value.trim() ? { dollars_max: Number(dollars.input.value) } : {}),
        ...(wordsIn(tags).length ? { tags: wordsIn(tags) } : {}),
        ...(toKaggle.checked ? { submit: true } : {}),
      }));
    } catch (error) {
      refused(error, Object.fromEntries(checks.map(([at]) => [at.input.name, at])), problem);
    } finally {
      button.disabled = false;
    }
  }
  return form;
}

function field(name, label, attributes) {
  const input = h("input", { id: name, name, "aria-describedby": `${name}-note`, ...attributes });
  const note = h("p", { id: `${name}-note`, class: "note", "aria-live": "polite" });
  return { input, note, box: h("div", { class: "field" }, h("label", { for: name }, label), input, note) };
}

/** Shows a problem, or else a hint; whether there is a problem. */
function say({ input, note }, problem, hint = "") {
  input.setAttribute("aria-invalid", String(problem !== null));
  note.classList.toggle("wrong", problem !== null);
  put(note, problem ?? hint);
  return problem !== null;
}

function urlProblem({ input }) {
  const { problem } = parse(input.value);
  return problem ? `The address ${problem}.` : null;
}

const urlHint = ({ input }) => (parse(input.value).slug ? `Competition: ${parse(input.value).slug}` : "");

const secondsHint = ({ input }) => (input.value.trim() ? `That is ${span(Number(input.value))}.` : "");

function secondsProblem({ input }, least, most) {
  const text = input.value.trim();
  const isRight = /^\d{1,5}$/.test(text) && Number(text) >= least && Number(text) <= most;
  return !text || isRight ? null : `A whole number from ${least} to ${most}.`;
}

function dollarsProblem({ input }) {
  const text = input.value.trim();
  const isRight = /^\d{1,4}(\.\d{1,4})?$/.test(text) && Number(text) <= DOLLARS_MAX;
  return !text || isRight ? null : `A sum from 0 to ${DOLLARS_MAX}, such as 0.50.`;
}

function tagsProblem(at) {
  const found = wordsIn(at);
  if (found.length > TAGS_MAX) return `At most ${TAGS_MAX} words.`;
  const wrong = found.find((word) => !TAG.test(word));
  return wrong ? `"${wrong}" is no tag: up to 40 letters, digits and _ . : -` : null;
}

const wordsIn = ({ input }) => input.value.split(/[\s,]+/).filter(Boolean);

const seconds = ({ input }) => (input.value.trim() ? { [input.name]: Number(input.value) } : {});

/** What the server found wrong, at its field where it names one that is here. */
function refused(error, fields, problem) {
  const elsewhere = error.fields.filter(({ field: name, message }) => !(name in fields && say(fields[name], message)));
  if (error.fields.length === 0 || elsewhere.length) put(problem, error.message);
  Object.values(fields).find(({ input }) => input.getAttribute("aria-invalid") === "true")?.input.focus();
}
