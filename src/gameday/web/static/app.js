// One page of a rehearsal: it hears states, draws them, and sends what people do. It knows nothing that the log does not.
import { drawBackstage } from "./backstage.js";
import { h, morph, tag } from "./dom.js";
import { listen, refuse } from "./forms.js";
import { listenToKeys } from "./keys.js";
import { watchMessage } from "./messages.js";
import { drawClocks, drawGauges, drawInjects, drawLog, drawMoments, drawRoles } from "./panels.js";
import { drawSteps, textOf } from "./steps.js";
import { get, Line } from "./talk.js";
import { duration, secondsSince } from "./time.js";

const page = document.body.dataset.page;
const NAME = `gameday name ${page}`;
const at = (id) => document.getElementById(id);
let state = null;
let text = null;
let titles = null;
let known = { injects: null, run: null, round: 0 };

// A tab remembers who it is; a new one takes over the last name of this browser.
const remembered = () => sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME) ?? "";
const hasJoined = () => Boolean(state?.people.some((person) => person.name === remembered()));
const me = () => (hasJoined() ? remembered() : "");

const forms = listen({
  me,
  run: () => state?.run ?? "",
  incident: () => state?.incident?.number,
  joined(name) {
    sessionStorage.setItem(NAME, name);
    localStorage.setItem(NAME, name);
    // The state in which this person is there may have come before the answer that they are.
    if (state) draw();
    line.open(name);
    at("runbook").focus({ preventScroll: true });
  },
});
const line = new Line(onState, onLine);
const message = watchMessage();

async function onState(heard) {
  const drawn = { text, titles };
  state = heard;
  draw();
  if (known.run !== state.run) {
    known.run = state.run;
    forms.restore();
  }
  message.offer(state);
  const incident = state.incident;
  if (incident?.can_choose && !titles) titles = await get("/api/runbooks");
  text = incident?.runbook ? await textOf(incident) : null;
  // Once is enough, unless the runbook came only now.
  if (state === heard && (text !== drawn.text || titles !== drawn.titles)) draw();
}

function draw() {
  const step = document.activeElement?.closest?.(".step");
  const incident = state.incident;
  at("title").textContent = incident ? incident.title || `Incident ${incident.number}` : state.title || "Rehearsal";
  document.title = `${at("title").textContent} – gameday`;
  morph(at("level"), [state.level || "rehearsal", incident?.ended ? ", this round is over" : ""]);
  at("join").hidden = hasJoined() || state.ended !== null;
  document.body.classList.toggle("outside", !hasJoined());
  const name = document.querySelector("#join input[name=person]");
  if (!name.value && document.activeElement !== name) name.value = remembered();
  drawGauges(state, me());
  drawMoments(incident);
  drawClocks(incident);
  drawRoles(state, me());
  drawInjects(incident);
  drawLog(incident);
  drawSteps(incident, text, titles);
  drawStepChoice(incident);
  if (state.backstage) drawBackstage(state);
  announce(incident);
  if (state.ended) over();
  // The button that was pressed is gone with what it did; its step is where one was.
  if (step && document.activeElement === document.body) document.getElementById(step.id)?.focus({ preventScroll: true });
}

function drawStepChoice(incident) {
  const steps = incident?.steps ?? [];
  morph(document.querySelector(".step-list"), [h("option", { value: "", key: "" }, "none"), ...steps.map((one) => h("option", { value: one.id, key: one.id }, one.title))]);
}

/** Have new injects read aloud; what was there when the page came is not news. */
function announce(incident) {
  const injects = incident?.injects ?? [];
  const last = injects.at(-1)?.seq ?? 0;
  if (known.injects !== null && last > known.injects) {
    at("news").textContent = injects.filter((one) => one.seq > known.injects).map((one) => `${one.what}: ${one.text}`).join(". ");
  }
  known.injects = Math.max(last, known.injects ?? 0);
}

function over() {
  document.body.classList.add("over");
  refuse("");
  morph(at("line"), [tag("plain", "over")]);
  at("runbook-state").textContent = state.ended.summary ? `The rehearsal is over: ${state.ended.summary}` : "The rehearsal is over.";
}

function onLine(is) {
  if (state?.ended) return;
  at("line").className = "tag-slot";
  morph(at("line"), [is === "on" ? tag("good", "connected") : tag("bad", "no connection; trying again")]);
}

// Clocks run between events.
setInterval(() => {
  if (!state || state.ended) return;
  drawGauges(state, me());
  drawClocks(state.incident);
  if (state.backstage) drawBackstage(state);
  for (const running of document.querySelectorAll("[data-since]")) {
    running.textContent = running.textContent.replace(/began .* ago/, `began ${duration(secondsSince(running.dataset.since))} ago`);
  }
}, 1000);

// Whoever opens the link again is let in by the cookie, without enter.js, and its token is to stay nowhere all the same.
function forgetToken() {
  if (new URLSearchParams(location.hash.slice(1)).has("token")) history.replaceState(null, "", location.pathname);
}

forgetToken();
addEventListener("hashchange", forgetToken);
listenToKeys();
line.open(remembered());
