// Elements from plain values. Text is only ever set as text: nothing here, or anywhere on these pages, parses HTML.

/** Make an element. Attributes that are null, undefined or false are left out; `key` names it among its siblings. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "key") element.key = String(value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, String(value));
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== ""));
  return element;
}

/** A runbook's prose, a tree of texts and {tag, children, href, class} (src/gameday/web/prose.py). */
export function prose(tree) {
  return tree.map((part) => {
    if (typeof part === "string") return part;
    const attributes = { class: part.class };
    if (part.tag === "a") Object.assign(attributes, { href: part.href, target: "_blank", rel: "noopener noreferrer" });
    // What may have to be scrolled sideways can be reached by keyboard.
    if (part.tag === "pre") return copyable(part.children[0] ?? "");
    const element = h(part.tag, attributes, prose(part.children));
    return part.tag === "table" ? h("div", { class: "scroll", tabindex: 0, role: "group", "aria-label": "Table" }, element) : element;
  });
}

/** Text to be copied into a terminal. */
export function copyable(text, label = "Text to copy") {
  return h("div", { class: "copyable" }, h("pre", { tabindex: 0, role: "group", "aria-label": label }, text), h("button", { type: "button", "data-copy": "" }, "Copy"));
}

/** Sign and word of a state, never colour alone. */
export function tag(tone, words) {
  return h("span", { class: `tag ${tone}` }, h("span", { class: `sign ${tone}`, "aria-hidden": "true" }), words);
}

/**
 * Make a parent's children like these, in place: what is the same stays, with its focus, its scrolling and what is open in it.
 */
export function morph(parent, children) {
  const fresh = children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false && child !== "");
  const known = new Map([...parent.childNodes].filter((node) => node.key).map((node) => [node.key, node]));
  let at = parent.firstChild;
  for (const child of fresh) {
    const node = typeof child === "string" ? document.createTextNode(child) : child;
    const same = node.key ? known.get(node.key) : at && !at.key && at.nodeName === node.nodeName ? at : null;
    if (!same) {
      parent.insertBefore(node, at);
      continue;
    }
    if (same === at) at = at.nextSibling;
    else parent.insertBefore(same, at);
    update(same, node);
  }
  while (at) {
    const next = at.nextSibling;
    at.remove();
    at = next;
  }
}

function update(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== fresh.data) old.data = fresh.data;
    return;
  }
  for (const { name } of [...old.attributes]) {
    // Whether something is open is the reader's to say.
    if (!fresh.hasAttribute(name) && name !== "open") old.removeAttribute(name);
  }
  for (const { name, value } of fresh.attributes) {
    if (name !== "open" && old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
  morph(old, [...fresh.childNodes]);
}
