// Forms and buttons into requests. A text that is being written is kept in this browser until it is sent.
import { post } from "./talk.js";
import { serverNow } from "./time.js";

const page = document.body.dataset.page;
const notice = document.getElementById("notice");

/** What a form asks for, by the names of its fields. */
export function requestOf(form) {
  const asked = { do: form.dataset.do };
  for (const field of form.elements) {
    if (!field.name || (["checkbox", "radio"].includes(field.type) && !field.checked)) continue;
    if ("list" in field.dataset) (asked[field.name] ??= []).push(field.value);
    else if (field.type === "checkbox") asked[field.name] = true;
    else if ("number" in field.dataset) asked[field.name] = field.value === "" ? null : Number(field.value);
    else asked[field.name] = field.value;
  }
  return withTimes(asked);
}

/** People think in minutes from now; the log keeps moments. */
function withTimes({ minutes_ago: ago, next_minutes: next, ...asked }) {
  const moment = (minutes) => new Date(serverNow() + minutes * 60000).toISOString();
  if (ago !== undefined) asked.occurred_at = moment(-Number(ago));
  if (next !== undefined && next !== "") asked.next_at = moment(Number(next));
  return asked;
}

/** Say that something was refused, loudly, or take it back. */
export function refuse(words) {
  notice.textContent = words;
  notice.classList.toggle("shown", words !== "");
}

/** Bring forms and buttons to life. `me` returns who this page speaks for, `incident` the number of the one that it shows; `joined`
 * is told who has just come in. */
export function listen({ me, joined, run, incident }) {
  const sending = new Set();
  const draftOf = (form) => `gameday draft ${run()} ${page} ${form.dataset.do}`;

  /** Keep what is being written, and for which incident: the one that was on when it was begun; none where that is to be asked anew. */
  function keep(form, meant) {
    if (meant) form.dataset.incident = meant;
    else delete form.dataset.incident;
    if (!form.closest("dialog")) localStorage.setItem(draftOf(form), JSON.stringify({ ...draft(form), incident: form.dataset.incident }));
  }

  async function ask(request, person = me()) {
    if (!person) {
      document.querySelector("#join input[name=person]").focus();
      return { refused: "Take part first: say your name." };
    }
    return request.do === "stop" ? post("/api/stop", { person, reason: request.reason }) : post("/api/requests", { person, ...request });
  }

  document.addEventListener("submit", async (event) => {
    const form = event.target.closest("form[data-do]");
    event.preventDefault();
    if (!form || form.dataset.sending) return;
    form.dataset.sending = "yes";
    const { person, ...request } = requestOf(form);
    const sent = JSON.stringify(draft(form));
    // Sent again since its answer was lost, it means the same one.
    form.dataset.incident ??= incident() ?? "";
    const answer = await ask({ ...request, incident: Number(form.dataset.incident) || undefined }, person?.trim() || me());
    delete form.dataset.sending;
    form.querySelector(".problem").textContent = answer.refused ?? "";
    // Whoever sends it once more, having read that another incident is on, means that one.
    if (answer.refused?.startsWith("incident:")) keep(form, "");
    if (answer.refused) return;
    delete form.dataset.incident;
    refuse("");
    form.closest("dialog")?.close();
    if (person) joined(person.trim());
    // Whoever is quick is writing the next one already.
    if (sent === JSON.stringify(draft(form))) {
      localStorage.removeItem(draftOf(form));
      form.reset();
    }
    form.dispatchEvent(new Event("sent", { bubbles: true }));
  });

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    // The second press of a double click may meet what the first one has led to: another round, a refusal, or Undo.
    if (event.detail > 1) return event.preventDefault();
    if (button.dataset.ask) {
      const { ask: what, step, moment, role } = button.dataset;
      const request = { do: what, step, moment, role, incident: incident() };
      const wish = JSON.stringify(request);
      if (sending.has(wish)) return;
      sending.add(wish);
      const answer = await ask(request);
      sending.delete(wish);
      refuse(answer.refused ?? "");
    } else if (button.dataset.open) open(button, incident());
    else if ("close" in button.dataset) button.closest("dialog").close();
    else if ("copy" in button.dataset) copy(button);
  });

  document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-do]");
    if (form && !form.closest("dialog")) keep(form, isEmpty(form) ? incident() : (form.dataset.incident ?? incident()));
  });

  return {
    /** Put back what was being written when the page was left. */
    restore() {
      for (const form of document.querySelectorAll("main form[data-do]")) {
        const kept = JSON.parse(localStorage.getItem(draftOf(form)) ?? "{}");
        for (const field of form.elements) {
          if (!(field.name in kept) || ["checkbox", "radio", "hidden"].includes(field.type)) continue;
          field.value = kept[field.name];
          if (field.tagName === "TEXTAREA" && field.value) form.closest("details")?.setAttribute("open", "");
        }
        if (kept.incident && !isEmpty(form)) form.dataset.incident = kept.incident;
      }
    },
  };
}

/** What somebody has typed; a number that the page itself puts there, and may change meanwhile, is none of it. */
const draft = (form) =>
  Object.fromEntries([...form.elements].filter((field) => ["TEXTAREA", "INPUT"].includes(field.tagName) && field.value !== field.defaultValue).map((field) => [field.name, field.value]));
const isEmpty = (form) => Object.keys(draft(form)).length === 0;

/** Open the question that a button leads to, about what the button is about. */
function open(button, incident) {
  const dialog = document.getElementById(`dialog-${button.dataset.open}`);
  for (const name of ["step", "moment", "role"]) {
    const field = dialog.querySelector(`input[name=${name}]`);
    if (field) field.value = button.dataset[name] ?? "";
  }
  const about = dialog.querySelector("[data-about]");
  if (about) about.textContent = button.dataset.about ?? "";
  const problem = dialog.querySelector(".problem");
  if (problem) problem.textContent = "";
  const form = dialog.querySelector("form");
  if (form) form.dataset.incident = incident ?? "";
  dialog.showModal();
  dialog.querySelector("textarea, select, input:not([type=hidden], [type=checkbox])")?.focus();
}

async function copy(button) {
  await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent);
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1500);
}
