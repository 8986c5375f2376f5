// The form that submits a competition: what is wrong shows at its field, before the server says so and after.

import { submit } from "./api.js";
import { parse } from "./competition_url.js";
import { h, put } from "./dom.js";
import { span } from "./format.js";

const BUDGET_MIN_S = 30;
const BUDGET_MAX_S = 86400;

/** `onAccepted` gets the server's answer, with the new job's id. */
export function submitForm(onAccepted) {
  const url = field("kaggle_url", "Competition", {
    type: "text", inputmode: "url", required: true, autocomplete: "off", spellcheck: "false",
    placeholder: "https://www.kaggle.com/competitions/titanic",
  });
  const budget = field("budget_s", "Budget (seconds)", { type: "text", inputmode: "numeric", placeholder: "default" });
  const button = h("button", { class: "primary", type: "submit" }, "Solve");
  const problem = h("p", { class: "problem", role: "alert" });

  url.input.addEventListener("input", () => say(url, url.input.value ? urlProblem(url) : null, urlHint(url)));
  budget.input.addEventListener("input", () => say(budget, budgetProblem(budget), budgetHint(budget)));

  const form = h("form", { class: "submit", novalidate: true, "aria-label": "Submit a competition", onsubmit: send },
    url.box, budget.box, button, problem);

  async function send(event) {
    event.preventDefault();
    const wrong = [[url, urlProblem(url)], [budget, budgetProblem(budget)]].filter(([at, why]) => say(at, why));
    if (wrong.length) return wrong[0][0].input.focus();
    put(problem);
    button.disabled = true;
    try {
      onAccepted(await submit({ kaggle_url: url.input.value, ...seconds(budget) }));
    } catch (error) {
      refused(error, { kaggle_url: url, budget_s: budget }, problem);
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

const budgetHint = ({ input }) => (input.value.trim() ? `That is ${span(Number(input.value))}.` : "");

function budgetProblem({ input }) {
  const text = input.value.trim();
  const isRight = /^\d{1,5}$/.test(text) && Number(text) >= BUDGET_MIN_S && Number(text) <= BUDGET_MAX_S;
  return !text || isRight ? null : `A whole number from ${BUDGET_MIN_S} to ${BUDGET_MAX_S}.`;
}

const seconds = ({ input }) => (input.value.trim() ? { budget_s: Number(input.value) } : {});

/** What the server found wrong, at its field where it names one that is here. */
function refused(error, fields, problem) {
  const elsewhere = error.fields.filter(({ field: name, message }) => !(name in fields && say(fields[name], message)));
  if (error.fields.length === 0 || elsewhere.length) put(problem, error.message);
  Object.values(fields).find(({ input }) => input.getAttribute("aria-invalid") === "true")?.input.focus();
}
