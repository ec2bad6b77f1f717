// The facilitator's part: which fault it is, and what the plan lets happen next.
import { h, morph, tag } from "./dom.js";
import { clock, duration, secondsSince, span } from "./time.js";

export function drawBackstage(state) {
  const { fault, upcoming } = state.backstage;
  const incident = state.incident;
  morph(document.getElementById("fault"), fault ? facts(state, fault, incident) : [h("p", { class: "quiet" }, "No round has begun.")]);
  document.getElementById("reveal").disabled = !incident || incident.revealed || !state.surprise;
  morph(document.getElementById("upcoming"), upcoming.length ? upcoming.map(planned) : [h("li", { class: "quiet", key: "none" }, "Nothing more is planned in this round.")]);
}

function facts(state, fault, incident) {
  const known = !state.surprise ? ["plain", "everybody was told"] : incident.revealed ? ["good", "revealed"] : ["unclear", "a surprise: only you know"];
  return [
    h("p", { class: "fault-title" }, h("strong", {}, incident.title || fault.experiment || "A fault"), " ", tag(...known)),
    h("dl", { class: "pairs" }, [
      pair("Experiment", fault.experiment),
      pair("Hypothesis", fault.hypothesis),
      pair("Expected", fault.expected),
      pair("Runbook", incident.runbook),
      incident.verdict ? pair("Verdict", incident.verdict.verdict) : null,
    ]),
    h("ul", { class: "plain changes" }, fault.changes.map((change) => h("li", { key: change.object + change.summary }, tag(change.applied ? "bad" : "plain", change.applied ? "broken" : "about to break"), ` ${change.summary || change.object}`))),
  ];
}

const pair = (name, value) => (value ? h("div", {}, h("dt", {}, name), h("dd", {}, value)) : null);

function planned(inject) {
  const left = inject.due_at === null ? null : -secondsSince(inject.due_at);
  const when = left === null ? `${span(inject.at_seconds)} after the fault` : left > 0 ? `in ${duration(left)}, at ${clock(inject.due_at)}` : `due at ${clock(inject.due_at)}`;
  const what = inject.absent ? `${inject.what}: ${inject.absent}` : inject.what;
  return h("li", { key: inject.id }, h("p", { class: "meta" }, tag("plain", what), h("span", {}, when), inject.to.length ? h("span", {}, `to ${inject.to.join(", ")}`) : null), inject.text ? h("p", { class: "said" }, inject.text) : null);
}
