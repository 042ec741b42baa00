// Buttons, copying and downloads of the tools that the browser adds to messages. Everything that is added is a child
// or a sibling of its own beside React's elements, which are neither moved nor changed.
const MESSAGE = '[class*="st-key-answer-"], [class*="st-key-question-"]';
const CONFIRMATION_TIME = 2000; // ms

// Streamlit may run this file several times: the state is that of the page.
const tools = (window.antlerTools ??= { messages: new Map(), seenLive: new Set(), live: "", labels: {}, rate: () => {}, reportReading: () => {} });

const labelOf = (name, values = {}) =>
  Object.entries(values).reduce((text, [key, value]) => text.replace(`{${key}}`, value), tools.labels[name] ?? "");

const createElement = (tag, className, properties = {}) => Object.assign(document.createElement(tag), { className, ...properties });

const setIcon = (button, icon) => { button.firstElementChild.textContent = icon; };

const setLabel = (button, label) => {
  button.setAttribute("aria-label", label);
  button.title = label;
};

const createButton = (name, icon, label, onClick) => {
  const button = createElement("button", `antler-tool antler-${name}`, { type: "button", onclick: () => onClick(button) });
  const sign = createElement("span", "antler-icon", { textContent: icon, translate: false });
  sign.setAttribute("aria-hidden", "true");
  button.append(sign);
  setLabel(button, label);
  return button;
};

const announce = (text) => {
  let region = document.getElementById("antler-announcement");
  if (!region) {
    region = createElement("div", "antler-announcement", { id: "antler-announcement" });
    region.setAttribute("role", "status");
    document.body.append(region);
  }
  // An equal text would not be read again.
  region.textContent = region.textContent === text ? `${text}\u00a0` : text;
};

// Without a secure context there is no Clipboard API. The listener keeps the text as it is, also its line ends.
const copyWithCommand = (text) => {
  const focused = document.activeElement;
  const field = createElement("textarea", "antler-copy-field", { value: text, readOnly: true });
  const setText = (event) => {
    event.clipboardData?.setData("text/plain", text);
    event.preventDefault();
    event.stopImmediatePropagation();
  };
  document.body.append(field);
  field.select();
  addEventListener("copy", setText, { capture: true });
  try {
    return document.execCommand("copy");
  } finally {
    removeEventListener("copy", setText, { capture: true });
    field.remove();
    focused?.focus({ preventScroll: true });
  }
};

const copyText = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copyWithCommand(text);
  }
};

const copyAndConfirm = async (button, text) => {
  const isCopied = await copyText(text).catch(() => false);
  const label = (button.antlerLabel ??= button.getAttribute("aria-label"));
  const message = labelOf(isCopied ? "copied" : "not_copied");
  announce(message);
  setIcon(button, isCopied ? "check" : "error");
  setLabel(button, message);
  button.dataset.confirmed = "";
  clearTimeout(button.antlerTimer);
  button.antlerTimer = setTimeout(() => {
    setIcon(button, "content_copy");
    setLabel(button, label);
    delete button.dataset.confirmed;
  }, CONFIRMATION_TIME);
};

const saveFile = (name, text, type) => {
  const url = URL.createObjectURL(new Blob([text], { type: `${type};charset=utf-8` }));
  const link = createElement("a", "", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
};

// The id of the message that holds an element, "" for a message that this page does not know.
const messageIdOf = (element) => {
  const key = [...(element.closest(MESSAGE)?.classList ?? [])].find((name) => /^st-key-(answer|question)-/.test(name));
  return key?.replace(/^st-key-(answer|question)-/, "") ?? "";
};

// The tools may learn of an answer later than it begins to arrive, but Stop is there before it.
const isArriving = (element) => {
  const message = element.closest(MESSAGE), id = messageIdOf(element);
  if (!message || message.querySelector('[class*="st-key-tools-"]')) return false;
  const isLive = id === tools.live || (!tools.messages.has(id) && !!document.querySelector(".st-key-stop"));
  if (isLive) tools.seenLive.add(id);
  return isLive;
};
