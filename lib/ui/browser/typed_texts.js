// What is typed in editors: kept in this tab until it is saved, sent or cancelled, and put back when the editor is shown
// again, after another page, another chat or a reload.
const PREFIX = "antler.typed."; // in the session storage, with user and key of the field; drafts.js removes them, too
const MAX_LENGTH = 200000; // characters
const MAX_FRAMES = 300; // for which a new field may still get its value
// Fields by the beginning of their keys: edited messages, queued ones, comments, projects and prompts.
const KEYS = ["editor-", "queue-editor-", "comment-", "project-", "prompt-edit-"];
const TYPED = KEYS.map((key) => `[class*="st-key-${key}"]`).join();
const TYPED_FIELDS = 'textarea, input[type="text"]';
// Buttons that end an editor which is no form.
const ENDINGS = [".st-key-project-save", ".st-key-project-cancel", ".st-key-prompt-save", ".st-key-prompt-cancel"].map((key) => `${key} button`).join();

const storage = (action) => { try { return action(sessionStorage); } catch { return null; } };
let typedUser = "";
let ended = new Set(); // fields whose editor is being closed

const fieldKey = (field) => {
  const classes = [...(field.closest(TYPED)?.classList ?? [])].map((name) => name.replace(/^st-key-/, ""));
  return classes.find((name) => KEYS.some((key) => name.startsWith(key))) ?? "";
};
const storageKey = (field) => `${PREFIX}${typedUser}.${fieldKey(field)}`;
const readTyped = (field) => storage((store) => JSON.parse(store.getItem(storageKey(field))));
const forgetTyped = (field, key = storageKey(field)) => storage((store) => store.removeItem(key));
const isTyped = (element) => typedUser && element.matches?.(TYPED_FIELDS) && element.closest(TYPED);

// The text that the editor begins with: that before the first key. A new field may have the focus before its value.
const noteBase = ({ target }) => { if (isTyped(target) && !target.antlerIsTyped) target.antlerBase = target.value; };
const onTyped = ({ target, isTrusted }) => {
  if (!isTrusted || !isTyped(target)) return;
  target.antlerIsTyped = true;
  ended.clear();
  const base = readTyped(target)?.base ?? target.antlerBase ?? "", text = target.value;
  if (text === base || text.length > MAX_LENGTH) forgetTyped(target);
  else storage((store) => store.setItem(storageKey(target), JSON.stringify({ base, text })));
};

// React reads a value that is set like this in the event.
const setTyped = (field, text) => {
  const prototype = field instanceof HTMLTextAreaElement ? HTMLTextAreaElement.prototype : HTMLInputElement.prototype;
  Object.getOwnPropertyDescriptor(prototype, "value").set.call(field, text);
  field.dispatchEvent(new Event("input", { bubbles: true }));
};
const later = (action) => new Promise((done) => setTimeout(() => done(action()), 0));

// A new field tells Streamlit its first value in an effect, which runs at the first event at the latest, and would be the
// last word. So the text is set once for the eye, and again for Streamlit. Without a form, that takes it when the field
// is left.
const putBack = async (field, { base, text }) => {
  field.antlerBase = base;
  field.antlerIsTyped = true;
  setTyped(field, text);
  await later(() => {
    if (!field.isConnected || field.value !== text) return;
    setTyped(field, base);
    setTyped(field, text);
  });
  await later(() => document.activeElement !== field && field.dispatchEvent(new FocusEvent("focusout", { bubbles: true })));
};

// Streamlit may show a new field empty before its value arrives, and set that value again. A text whose editor begins with
// another value stays out.
const putBackOnBase = (field, frames) => {
  const typed = field.isConnected && isTyped(field) && readTyped(field);
  if (!typed || !frames) return;
  if (typed.base === field.value) putBack(field, typed);
  requestAnimationFrame(() => putBackOnBase(field, frames - 1));
};
const restoreTyped = (root) => {
  for (const field of root.querySelectorAll?.(TYPED_FIELDS) ?? []) putBackOnBase(field, MAX_FRAMES);
};

// An editor that stays open, because something is missing, keeps its texts.
const noteEnd = (form) => {
  for (const field of form?.querySelectorAll(TYPED_FIELDS) ?? []) if (isTyped(field)) ended.add({ field, key: storageKey(field) });
};
const onEndingClick = ({ target }) => {
  const button = target.closest?.("button"), form = button?.closest('[data-testid="stForm"]');
  if (form) noteEnd(form);
  else if (button?.matches(ENDINGS)) noteEnd(document.querySelector('[data-testid="stMainBlockContainer"]'));
};
const onEndingKey = (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) noteEnd(event.target.closest?.('[data-testid="stForm"]'));
};
const forgetEnded = () => {
  for (const entry of ended) {
    if (entry.field.isConnected) continue;
    forgetTyped(entry.field, entry.key);
    ended.delete(entry);
  }
};

const onTypedChanges = (records) => {
  if (ended.size) forgetEnded();
  for (const { addedNodes } of records)
    for (const node of addedNodes) if (node.nodeType === Node.ELEMENT_NODE && (node.closest(TYPED) || node.querySelector(TYPED))) restoreTyped(node);
};

let mountedKey, observer = null;
export default function ({ data, key }) {
  typedUser = data.user;
  mountedKey = key;
  document.addEventListener("focusin", noteBase, { capture: true });
  document.addEventListener("beforeinput", noteBase, { capture: true });
  document.addEventListener("input", onTyped, { capture: true });
  document.addEventListener("click", onEndingClick, { capture: true });
  document.addEventListener("keydown", onEndingKey, { capture: true });
  if (!observer) {
    observer = new MutationObserver(onTypedChanges);
    observer.observe(document.body, { childList: true, subtree: true });
    restoreTyped(document);
  }
  return () => {
    if (mountedKey !== key) return;
    observer.disconnect();
    observer = null;
    document.removeEventListener("focusin", noteBase, { capture: true });
    document.removeEventListener("beforeinput", noteBase, { capture: true });
    document.removeEventListener("input", onTyped, { capture: true });
    document.removeEventListener("click", onEndingClick, { capture: true });
    document.removeEventListener("keydown", onEndingKey, { capture: true });
  };
}
