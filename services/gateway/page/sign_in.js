// The form that asks for an API key, shown where the gateway wants one.

import { h, put } from "./dom.js";
import { signIn } from "./session.js";

/** `onSignedIn` is called once the gateway has taken a key. */
export function signInForm(onSignedIn) {
  const input = h("input", {
    id: "api-key", type: "password", required: true, autocomplete: "off", spellcheck: "false", placeholder: "pk_…",
    "aria-describedby": "api-key-note",
  });
  const note = h("p", { id: "api-key-note", class: "note" }, "It is kept while this tab is open, and for 15 minutes after.");
  const button = h("button", { class: "primary", type: "submit" }, "Sign in");
  const problem = h("p", { class: "problem", role: "alert" });

  async function send(event) {
    event.preventDefault();
    button.disabled = true;
    const wrong = await signIn(input.value.trim());
    button.disabled = false;
    if (wrong === null) return onSignedIn();
    put(problem, wrong);
    input.focus();
  }
  return h("div", { class: "sign-in" },
    h("h1", {}, "Sign in"),
    h("form", { class: "submit", novalidate: true, "aria-label": "Sign in", onsubmit: send },
      h("div", { class: "field" }, h("label", { for: "api-key" }, "API key"), input, note), button, problem));
}
