// Single keys, as long as nobody is writing: j k through the steps, b t s for one of them, n d c m to write, ? for the list.

const STORE = "gameday keys";
const FORMS = { n: "note", d: "decide", c: "classify", m: "message" };
const BUTTONS = { b: "[data-ask=begin]", t: "[data-ask=tick]", s: "[data-open=skip]" };
const isWriting = (element) => element.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");

const steps = () => [...document.querySelectorAll(".step")];
const focused = () => document.activeElement?.closest?.(".step");
const current = () => focused() ?? document.querySelector(".step.next");

function move(by) {
  const all = steps();
  const from = all.indexOf(focused());
  const to = from < 0 ? all.indexOf(document.querySelector(".step.next")) : Math.min(all.length - 1, Math.max(0, from + by));
  const step = all[Math.max(0, to)];
  step?.focus();
  step?.scrollIntoView({ block: "nearest" });
}

function write(name) {
  const details = document.getElementById(`form-${name}`);
  details.open = true;
  const field = details.querySelector("textarea") ?? details.querySelector("input");
  if (name === "note") details.querySelector("select").value = focused()?.dataset.step ?? "";
  field.focus();
  field.scrollIntoView({ block: "center" });
}

export function listenToKeys() {
  const box = document.getElementById("keys-on");
  box.checked = localStorage.getItem(STORE) !== "off";
  box.addEventListener("change", () => localStorage.setItem(STORE, box.checked ? "on" : "off"));
  let pressed = "";
  document.addEventListener("keydown", (event) => {
    const { key, target } = event;
    // A key that is held moves on and on, and does nothing else a second time: nor does it write itself into what it has opened.
    // Browsers press a button anew at every repeat of Enter, whatever it has become meanwhile; only in a text it goes on.
    if (event.repeat && key !== "j" && key !== "k") {
      if (key === pressed || (key === "Enter" && target.tagName !== "TEXTAREA")) event.preventDefault();
      return;
    }
    pressed = "";
    if (key === "Enter" && (event.ctrlKey || event.metaKey) && target.form) {
      event.preventDefault();
      target.form.requestSubmit();
    } else if (key === "Escape" && isWriting(target) && !target.closest("dialog")) {
      (current() ?? document.getElementById("runbook")).focus();
    } else if (!event.ctrlKey && !event.metaKey && !event.altKey && box.checked && !isWriting(target) && !document.querySelector("dialog[open]")) {
      if (!press(key)) return;
      pressed = key;
      event.preventDefault();
    }
  });
}

function press(key) {
  if (key === "j" || key === "k") move(key === "j" ? 1 : -1);
  else if (key === "?") document.querySelector("[data-open=keys]").click();
  else if (FORMS[key]) write(FORMS[key]);
  else if (BUTTONS[key]) current()?.querySelector(BUTTONS[key])?.click();
  else return false;
  return true;
}
