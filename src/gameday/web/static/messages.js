// Help with messages: templates to begin with, and what a check finds while one is being written.
import { h, morph, tag } from "./dom.js";
import { requestOf } from "./forms.js";
import { get, post } from "./talk.js";

const PAUSE_MS = 400;

/** Watch the form of messages; `offer` fills its lists from a state. */
export function watchMessage() {
  const form = document.querySelector("form[data-do=message]");
  const [list, audiences, field, found] = ["templates", "audiences", "template-field", "findings"].map((id) => document.getElementById(id));
  let templates = [];
  let pause = 0;
  let round = null;
  let nextIn = null;

  function fillIn() {
    const chosen = templates.find((template) => template.id === list.value && (!template.audience || template.audience === audiences.value));
    if (!chosen) return;
    const text = form.elements.text;
    text.value = chosen.text;
    text.dispatchEvent(new Event("input", { bubbles: true }));
  }

  function offerTemplates() {
    const fitting = templates.filter((template) => !template.audience || template.audience === audiences.value);
    field.hidden = fitting.length === 0;
    list.replaceChildren(h("option", { value: "" }, "none"), ...fitting.map((template) => h("option", { value: template.id }, template.title || template.id)));
  }

  /** Promise the next message for when it is due; a number that somebody has typed stays. */
  function promiseNext() {
    const seconds = nextIn?.[audiences.value === "customers" ? "customers" : "others"];
    // While one is on its way the form stays as it was sent, by which it is known that nobody goes on writing.
    if (seconds && !form.dataset.sending) form.elements.next_minutes.defaultValue = Math.max(1, Math.floor(seconds / 60));
  }

  async function check() {
    if (!form.elements.text.value.trim()) return morph(found, []);
    const findings = (await post("/api/check", requestOf(form))) ?? [];
    if (Array.isArray(findings)) morph(found, findings.map((finding) => h("li", { key: finding.code + finding.message }, tag("unclear", finding.message), finding.add ? h("small", {}, finding.add) : null)));
  }

  form.addEventListener("input", () => {
    clearTimeout(pause);
    pause = setTimeout(check, PAUSE_MS);
  });
  form.addEventListener("sent", () => {
    morph(found, []);
    promiseNext();
  });
  list.addEventListener("change", fillIn);
  audiences.addEventListener("change", offerTemplates);
  audiences.addEventListener("change", promiseNext);

  return {
    async offer(state) {
      const told = state.readers.map((reader) => reader.audience).filter(Boolean);
      const missing = told.filter((audience) => ![...audiences.options].some((option) => option.value === audience));
      audiences.append(...missing.map((audience) => h("option", {}, audience)));
      nextIn = state.incident?.next_in_seconds ?? null;
      promiseNext();
      const marked = state.incident?.moments.filter((moment) => moment.at).length;
      const now = `${state.run} ${state.incident?.number} ${state.incident?.revealed} ${marked} ${state.incident?.log.length}`;
      if (now === round) return;
      round = now;
      templates = (await get("/api/templates")) ?? [];
      if (document.activeElement !== list) offerTemplates();
    },
  };
}
