// The runbook: its steps by phase, each with what it says, what became of it, and what can be done with it.
import { copyable, h, morph, prose, tag } from "./dom.js";
import { clock, duration, secondsSince, span } from "./time.js";
import { get } from "./talk.js";

const texts = new Map();
let opened = null;

/** Fetch a runbook's text once for each round; resolves to it, or to null. */
export async function textOf(incident) {
  const key = `${incident.number} ${incident.runbook} ${incident.can_tick}`;
  if (!texts.has(key)) {
    const text = await get(`/api/runbooks/${encodeURIComponent(incident.runbook)}`);
    if (text === null) return null;
    texts.set(key, text);
  }
  return texts.get(key);
}

/** Draw it; `text` is what textOf returned. */
export function drawSteps(incident, text, titles) {
  document.getElementById("runbook-title").textContent = text?.title ?? (incident?.can_choose ? "Which runbook?" : "No runbook yet");
  document.getElementById("runbook-state").textContent = summary(incident, text);
  drawChoice(incident, titles);
  morph(document.getElementById("runbook-warnings"), (text?.warnings ?? []).map((warning) => alarm(prose(warning))));
  const live = new Map((incident?.steps ?? []).map((step) => [step.id, step]));
  const next = incident?.can_tick ? incident.steps.find((step) => !step.outcome)?.id : undefined;
  const groups = [];
  for (const step of text?.steps ?? []) {
    if (groups.at(-1)?.phase !== step.phase) groups.push({ phase: step.phase, steps: [] });
    groups.at(-1).steps.push(step);
  }
  const drawn = groups.map(({ phase, steps }, index) =>
    h("section", { class: "phase", key: `${index} ${phase}`, "aria-label": phase }, [
      h("h3", {}, phase),
      steps.map((step) => drawStep(step, live.get(step.id), { isNext: step.id === next, canTick: incident.can_tick })),
    ]),
  );
  morph(document.getElementById("steps"), drawn);
  openNext(next);
}

function summary(incident, text) {
  if (!incident) return "It is opened when the first round begins.";
  if (!text) return incident.can_choose ? "Open the one that fits what you see; you may change it later." : "";
  if (!incident.can_tick) return "For reading: this round's steps are not ticked in it. Write down what you do as notes, or open another one.";
  const done = incident.steps.filter((step) => step.outcome).length;
  return `${done} of ${incident.steps.length} steps done or skipped`;
}

function drawChoice(incident, titles) {
  const form = document.getElementById("choose");
  form.hidden = !incident?.can_choose;
  if (form.hidden) return;
  const list = document.getElementById("choose-list");
  if (!list.options.length && titles) list.append(...titles.map(({ id, title }) => h("option", { value: id }, title)));
  // What is open is what is chosen, until somebody is choosing another one.
  if (list.dataset.open !== incident.runbook && list.options.length) {
    list.dataset.open = incident.runbook;
    if (incident.runbook) list.value = incident.runbook;
    // Also once the form begins anew, which it does when the answer to its request comes, and that may be later than this.
    for (const option of list.options) option.defaultSelected = option.value === incident.runbook;
  }
}

const alarm = (...children) => h("div", { class: "alarm" }, h("span", { class: "sign bad", "aria-hidden": "true" }), h("div", {}, ...children));

function drawStep(step, live, { isNext, canTick }) {
  const state = live?.outcome || (live?.begun_at ? "begun" : "open");
  return h("article", { class: `step ${state}${isNext ? " next" : ""}`, id: `step-${step.id}`, key: step.id, tabindex: -1, "data-step": step.id, "aria-label": `${step.title}: ${state}` }, [
    h("div", { class: "step-line" }, [
      h("span", { class: `box ${state}`, "aria-hidden": "true" }),
      h("div", { class: "step-name" }, [
        h("h4", {}, step.title),
        h("p", { class: "quiet" }, [step.role, step.expected_seconds ? ` · expected ${span(step.expected_seconds)}` : "", outcome(live)]),
      ]),
      canTick && !live?.outcome ? buttons(step, live) : null,
    ]),
    (step.warnings ?? []).map((warning) => alarm(h("p", {}, warning))),
    h("details", { class: "step-body" }, [
      h("summary", {}, "What to do", h("span", { class: "sr" }, `: ${step.title}`)),
      prose(step.prose),
      step.shell ? copyable(step.shell, "Commands") : null,
      step.action ? [h("p", { class: "quiet" }, "Or let gameday do it:"), copyable(step.action, "Action")] : null,
      step.check ? [h("p", { class: "quiet" }, "It worked when this holds:"), copyable(step.check, "Check")] : null,
    ]),
  ]);
}

function buttons(step, live) {
  const about = h("span", { class: "sr" }, `: ${step.title}`);
  return h("div", { class: "step-buttons" }, [
    live?.begun_at ? null : h("button", { type: "button", "data-ask": "begin", "data-step": step.id }, "Begin", about.cloneNode(true)),
    h("button", { type: "button", class: "primary", "data-ask": "tick", "data-step": step.id }, "Tick", about.cloneNode(true)),
    h("button", { type: "button", "data-open": "skip", "data-step": step.id, "data-about": step.title }, "Skip…", about.cloneNode(true)),
  ]);
}

function outcome(live) {
  if (!live) return "";
  if (live.outcome) {
    const took = live.begun_at ? ` after ${duration((Date.parse(live.ended_at) - Date.parse(live.begun_at)) / 1000)}` : "";
    const also = live.also_by.length ? `; ${live.also_by.join(", ")} a moment later` : "";
    const words = `${live.outcome} by ${live.by} at ${clock(live.ended_at)}${took}${live.reason ? `: ${live.reason}` : ""}${also}`;
    return [" · ", tag(live.outcome === "done" ? "good" : "unclear", words)];
  }
  if (!live.begun_at) return "";
  return [" · ", h("span", { class: "running", "data-since": live.begun_at }, `${live.begun_by} began ${duration(secondsSince(live.begun_at))} ago`)];
}

/** Open the step that is next when it becomes so, and close the one before it, unless the reader has opened others by hand. */
function openNext(next) {
  if (next === opened) return;
  const body = (id) => document.getElementById(`step-${id}`)?.querySelector(".step-body");
  if (next && !body(next)) return; // Its text has not come yet.
  if (opened !== null && body(opened)) body(opened).open = false;
  if (next) body(next).open = true;
  opened = next ?? null;
}
