// Everything beside the runbook: gauges, moments, clocks, roles, what comes in, the log.
import { h, morph, tag } from "./dom.js";
import { clock, duration, secondsSince, serverNow, span } from "./time.js";

const at = (id) => document.getElementById(id);
const momentOf = (incident, name) => incident?.moments.find((moment) => moment.name === name)?.at ?? null;

/** The strip at the top: what everybody has to know at one look. */
export function drawGauges(state, me) {
  const incident = state.incident;
  const mine = state.people.find((person) => person.name === me);
  morph(at("gauges"), [
    sinceGauge(incident, state.page),
    messageGauge(incident),
    gauge("Severity", incident?.severity || "not classified", incident?.severity ? "" : "quiet"),
    gauge("You", mine ? me : "not here yet", mine ? "" : "quiet", mine?.roles.filter((role) => role !== "facilitator").join(", ")),
  ]);
}

function gauge(name, value, tone = "", below = "") {
  return h("div", { class: `gauge ${tone}`, key: name }, h("dt", {}, name), h("dd", {}, value, below ? h("small", {}, below) : null));
}

function sinceGauge(incident, page) {
  const from = page === "facilitator" ? ["fault", "alert", "declared"] : ["alert", "acknowledged", "declared"];
  const name = from.find((one) => momentOf(incident, one));
  if (!name) return gauge("Incident", incident ? "nothing has been reported" : "not begun", "quiet");
  const end = momentOf(incident, "resolved");
  if (!end && incident.ended) return gauge("Incident", "over, not resolved", "quiet");
  const seconds = end ? (Date.parse(end) - Date.parse(momentOf(incident, name))) / 1000 : secondsSince(momentOf(incident, name));
  return gauge(end ? `From ${name} to resolved` : `Since ${name}`, duration(seconds), "time");
}

function messageGauge(incident) {
  const due = incident?.next_message;
  if (!due || incident.ended) {
    const over = incident?.ended || momentOf(incident, "resolved");
    return gauge("Next customer message", over ? "none is owed" : "owed from the declaration on", "quiet");
  }
  const left = (Date.parse(due.due_at) - serverNow()) / 1000;
  const what = { first: "the first one", scope: "its scope", update: "an update" }[due.what];
  if (left < 0) return gauge("Next customer message", [h("span", { class: "sign bad", "aria-hidden": "true" }), ` late by ${duration(-left)}`], "time bad", what);
  return gauge("Next customer message", `in ${duration(left)}`, left < 60 ? "time unclear" : "time", `${what}, by ${clock(due.due_at)}`);
}

export function drawMoments(incident) {
  morph(at("moment-list"), (incident?.moments ?? []).map(moment));
  if (!incident) morph(at("moment-list"), [h("li", { class: "quiet" }, "No round has begun.")]);
}

function moment({ name, title, at: when, person, detail, can_mark: canMark }) {
  const words = when ? h("span", { class: "when" }, clock(when)) : null;
  const who = when ? h("small", {}, [person ? `by ${person}` : "seen by gameday", detail ? `: ${detail}` : ""]) : null;
  const about = h("span", { class: "sr" }, `: ${title}`);
  const mark = [
    h("button", { type: "button", "data-ask": "mark", "data-moment": name }, "Mark", about.cloneNode(true)),
    h("button", { type: "button", "data-open": "mark", "data-moment": name, "data-about": title }, "Earlier…", about.cloneNode(true)),
  ];
  const withdraw = h("button", { type: "button", class: "slight", "data-ask": "withdraw", "data-moment": name }, "Undo", about.cloneNode(true));
  return h("li", { key: name, class: when ? "marked" : "" }, [
    h("span", { class: `dot ${when ? "on" : ""}`, "aria-hidden": "true" }),
    h("div", {}, h("span", { class: "name" }, title), who),
    h("div", { class: "side" }, [
      when ? words : canMark ? null : h("span", { class: "quiet" }, "unknown"),
      canMark ? h("div", { class: "row" }, when ? withdraw : mark) : null,
    ]),
  ]);
}

export function drawClocks(incident) {
  morph(at("clock-list"), (incident?.clocks ?? []).map((clock) => clockRow(clock, incident.ended)));
  const late = (incident?.updates ?? []).filter((update) => update.kept === false).length;
  const kept = incident?.cadence_kept;
  const words = kept === true ? "every customer message in time" : kept === false ? `${late} customer ${late === 1 ? "message" : "messages"} late` : incident?.updates.some((update) => update.sent_at) ? "every customer message so far in time" : "no customer message was due yet";
  morph(at("cadence"), [h("p", {}, tag(kept === true ? "good" : kept === false ? "bad" : "plain", words))]);
}

function clockRow({ name, title, seconds, allowed_seconds: allowed, kept, why, begin_at: begin }, isOver) {
  const runs = seconds === null && begin !== null && !why && !isOver;
  const took = seconds !== null ? duration(seconds) : runs ? duration(secondsSince(begin)) : "unknown";
  const isLate = kept === false || (runs && allowed !== null && secondsSince(begin) > allowed);
  const judged = allowed === null ? null : isLate ? tag("bad", "late") : kept ? tag("good", "in time") : null;
  return h("tr", { key: name }, [
    h("th", { scope: "row" }, title),
    h("td", { class: seconds === null ? "quiet" : "figure" }, took, runs ? h("small", {}, "running") : why ? h("small", {}, why) : null),
    h("td", {}, allowed === null ? h("span", { class: "quiet" }, "not agreed") : span(allowed), " ", judged),
  ]);
}

export function drawRoles(state, me) {
  const roles = state.roles.filter((one) => one.role !== "facilitator" || one.holder);
  morph(at("role-list"), roles.map((one) => role(one, me)));
  const here = state.people.filter((person) => person.is_there).map((person) => person.name);
  at("people").textContent = here.length ? `Here: ${here.join(", ")}` : "Nobody has joined yet.";
  const others = here.filter((name) => name !== me);
  const select = at("hand-over-to");
  if ([...select.options].map((option) => option.value).join("\n") !== others.join("\n")) {
    select.replaceChildren(...others.map((name) => h("option", {}, name)));
  }
  // The page comes with every role that there can be; the plan may have fewer.
  for (const box of document.querySelectorAll("#join-roles input")) {
    box.parentElement.hidden = !state.roles.some((one) => one.role === box.value);
  }
  for (const { role: name, holder, taken } of state.roles) {
    const box = document.querySelector(`#join-roles input[value="${CSS.escape(name)}"]`);
    if (!box) continue;
    box.disabled = (holder !== null && holder !== me) || taken;
    if (box.disabled) box.checked = false;
    box.parentElement.querySelector("small").textContent = taken ? "away in this round" : holder ? holder : "";
  }
}

function role({ role: name, holder, taken }, me) {
  const about = h("span", { class: "sr" }, `: ${name}`);
  const button =
    holder === me
      ? h("button", { type: "button", "data-open": "hand-over", "data-role": name, "data-about": `You are ${name}.` }, "Hand over…", about)
      : !holder && !taken && name !== "facilitator"
        ? h("button", { type: "button", "data-ask": "take", "data-role": name }, "Take", about)
        : null;
  const who = taken ? tag("unclear", "away in this round") : holder ? h("strong", {}, holder === me ? `${holder} (you)` : holder) : h("span", { class: "quiet" }, "nobody");
  return h("li", { key: name }, h("div", {}, h("span", { class: "name" }, name), who), button);
}

const KINDS = { calls: "Calls", mail: "Mail", press: "Press", alert: "Alert", absent: "Away", note: "Note" };

export function drawInjects(incident) {
  const injects = [...(incident?.injects ?? [])].reverse();
  const drawn = injects.map((one) =>
    h("li", { key: one.seq, class: one.what === "alert" ? "alert-inject" : "" }, [
      h("p", { class: "meta" }, [
        tag(one.what === "alert" ? "bad" : "plain", KINDS[one.what] ?? one.what),
        h("span", {}, clock(one.at)),
        one.to.length ? h("span", {}, `to ${one.to.join(", ")}`) : null,
        secondsSince(one.at) < 60 ? h("span", { class: "new" }, "new") : null,
      ]),
      h("p", { class: "said" }, one.text),
    ]),
  );
  morph(at("inject-list"), drawn.length ? drawn : [h("li", { class: "quiet", key: "none" }, "Nothing yet.")]);
}

const SAID = { note: "Note", decision: "Decision", message: "Message", classification: "Classified" };

export function drawLog(incident) {
  const drawn = [...(incident?.log ?? [])].reverse().map((one) =>
    h("li", { key: one.seq }, [
      h("p", { class: "meta" }, tag("plain", SAID[one.kind]), h("span", {}, clock(one.at)), h("span", {}, one.person), h("span", {}, about(one, incident))),
      one.text ? h("p", { class: "said" }, one.text) : null,
      one.reason ? h("p", { class: "said" }, `Because: ${one.reason}`) : null,
      one.missing_step ? h("p", {}, tag("unclear", "the runbook lacks this")) : null,
      (one.findings ?? []).map((finding) => h("p", {}, tag("unclear", finding.message))),
    ]),
  );
  morph(at("log-list"), drawn.length ? drawn : [h("li", { class: "quiet", key: "none" }, "Nobody has written anything yet.")]);
}

function about(one, incident) {
  if (one.kind === "message") return `to ${one.audience}, ${one.channel}${one.next_at ? `; next by ${clock(one.next_at)}` : ""}`;
  if (one.kind === "classification") return `${one.severity}${one.affected_percent === null ? "" : `, ${one.affected_percent} % of customers`}`;
  return one.step ? `about “${incident.steps.find((step) => step.id === one.step)?.title ?? one.step}”` : "";
}
