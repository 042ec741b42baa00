// The message input: its draft, what is sent from it, and the events that concern it. It follows draft_storage.js and
// submissions.js in one script.
const BOX = '[data-testid="stChatInputTextArea"]', SEND_BUTTON = '[data-testid="stChatInputSubmitButton"]';
const SIGN_OUT = ".st-key-signout button, .st-key-signout-everywhere button";
const SAVE_DELAY = 200, BOX_TIMEOUT = 60000, NAVIGATION_TIME = 3000; // ms

// The message input. Its value belongs to React, which reads it in the event.
const setNativeValue = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set;
let page = null; // what the server has last said about the page, null where there is no message input
let current = null; // the draft in the input: user, slot, text, and the text that is saved
let box = null; // the input element that shows it
let isComposing = false, saveTimer = 0, boxTimer = 0;
let serverSession = "", appliedPrefill = "";
let beforeNavigation = null; // the text at the last click outside of the input

const saveDraft = () => {
  clearTimeout(saveTimer);
  if (!current || current.text === current.saved) return;
  writeDraft(current.user, current.slot, current.text, current.saved);
  current.saved = current.text;
};

const setText = (text) => {
  if (current) current.text = text;
  if (!box?.isConnected || box.value === text) return;
  setNativeValue.call(box, text);
  box.dispatchEvent(new Event("input", { bubbles: true }));
};

const onInput = ({ target }) => {
  if (!current || !target.matches?.(BOX)) return;
  if (target !== box && page) showDraft(target); // it was rendered anew
  if (target !== box) return;
  current.text = target.value;
  clearTimeout(saveTimer);
  saveTimer = setTimeout(saveDraft, SAVE_DELAY);
};

// Text typed between the click that opens another chat and its appearance belongs to that chat.
const takeTypedText = () => {
  const before = beforeNavigation;
  beforeNavigation = null;
  if (!before || Date.now() - before.at > NAVIGATION_TIME || !current.text.startsWith(before.text)) return "";
  const typed = current.text.slice(before.text.length);
  if (typed) current.text = before.text;
  return typed;
};

const isMove = (next) => {
  // The new chat has become this conversation, or an empty chat has become temporary, or no longer is.
  const isBirth = isNewChat(current.slot) && next.results.some(([key, , slot]) => slot === next.slot && current.sent.has(key));
  return isBirth || (current.isEmpty && next.isEmpty && [current.slot, next.slot].every((slot) => [NEW_CHAT, TEMPORARY].includes(slot)));
};

const openSlot = (next, element) => {
  let carried = element !== box ? element.value : "", sent = new Set();
  // The session that had the temporary chat is gone: its text is shown, and stored when the user goes on with it.
  const lost = current?.slot === TEMPORARY && next.session !== serverSession ? current.text : "";
  if (current?.user === next.user) {
    if (isMove(next)) {
      carried = join(current.text, carried);
      current.text = "";
      sent = current.sent;
    } else {
      carried = join(takeTypedText(), carried);
      if (next.prefill[1] && current.text === next.prefill[1]) current.text = ""; // it is moved
    }
    saveDraft();
  }
  box = element;
  const saved = readDraft(next.user, next.slot);
  current = { user: next.user, slot: next.slot, isEmpty: next.isEmpty, text: "", saved, sent };
  setText(join(saved, carried));
  saveDraft();
  showUnsaved(lost);
  for (const store of [ofTab, shared]) pruneDrafts(store, draftKey(next.user, next.slot));
};

const showUnsaved = (text) => {
  if (!text) return;
  setText(join(text, current.text));
  clearTimeout(saveTimer);
  current.saved = current.text;
};

const showDraft = (element) => {
  if (current?.user !== page.user || current.slot !== page.slot) openSlot(page, element);
  else if (element !== box) {
    const typed = element.value;
    box = element;
    setText(join(current.text, typed === current.text ? "" : typed));
  }
  current.isEmpty = page.isEmpty;
  if (page.prefill[0] && page.prefill[0] !== appliedPrefill) {
    appliedPrefill = page.prefill[0];
    setText((page.isInline ? joinLine : join)(current.text, page.prefill[1]));
    saveDraft();
  }
};

// The folder of a new chat was renamed, left or deleted: its text stays in the input, or is added to another draft.
const handledMoves = new Set();
const moveDraft = (user, from, to) => {
  for (const question of [...questions.values()]) if (question.user === user && question.slot === from) moveQuestion(question, to);
  const isShown = current?.user === user && current.slot === from;
  const text = isShown ? current.text : readDraft(user, from), saved = readDraft(user, to);
  clearTimeout(saveTimer);
  writeDraft(user, from, "", isShown ? current.saved : text);
  if (!isShown && current?.user === user && current.slot === to) {
    // The renamed folder was opened before the move was known.
    if (text) setText(join(current.text, text));
    return saveDraft();
  }
  if (!isShown) return text && writeDraft(user, to, join(saved, text), saved);
  Object.assign(current, { slot: to, saved });
  setText(join(saved, text));
  saveDraft();
};
const moveDrafts = () => {
  for (const [nonce, from, to] of page.moves) {
    if (!handledMoves.has(nonce)) moveDraft(page.user, from, to);
    handledMoves.add(nonce);
  }
};

const eraseAll = (user) => {
  clearTimeout(saveTimer);
  for (const store of [shared, ofTab]) {
    for (const prefix of [DRAFT_PREFIX, FILES_PREFIX, TYPED_PREFIX]) store.keys(`${prefix}${user}.`).forEach(store.remove);
    store.keys(QUESTION_PREFIX).filter((key) => parse(store.get(key))?.user === user).forEach(store.remove);
  }
  questions.clear();
  current = null;
};

// Event listeners of the document: they run after those of the window, which may stop an event, and before React.
const onKeyDown = (event) => {
  const isEnter = (event.key === "Enter" || [10, 13].includes(event.keyCode)) && !event.isComposing;
  if (!isEnter || event.shiftKey || event.ctrlKey || event.metaKey || !event.target.matches?.(BOX)) return;
  if (!submit(event.target)) return;
  event.preventDefault();
  event.stopPropagation();
};
const onClick = (event) => {
  const input = event.target.closest?.('[data-testid="stChatInput"]');
  if (event.target.closest?.(SEND_BUTTON) && submit(input?.querySelector(BOX))) {
    event.preventDefault();
    event.stopPropagation();
    box.focus();
  } else if (event.target.closest?.(SIGN_OUT)) eraseOfSession();
  else if (!input && event.isTrusted && current) beforeNavigation = { text: current.text, at: Date.now() };
};
const onSubmit = (event) => {
  if (/\/signout$/.test(event.target.getAttribute?.("action") ?? "")) eraseOfSession();
};
let sessionUser = "";
const eraseOfSession = () => eraseAll(sessionUser);
const onComposition = ({ type, target }) => { if (target === box) isComposing = type === "compositionstart"; };

document.addEventListener("keydown", onKeyDown, { capture: true });
document.addEventListener("click", onClick, { capture: true });
document.addEventListener("submit", onSubmit, { capture: true });
for (const name of ["input", "focusin"]) document.addEventListener(name, onInput, { capture: true });
for (const name of ["compositionstart", "compositionend"]) document.addEventListener(name, onComposition, { capture: true });
document.addEventListener("antler:submit", () => box?.isConnected && submit(box));
document.addEventListener("antler:tray", () => sendHeld());
document.addEventListener("visibilitychange", () => document.hidden && saveDraft());
addEventListener("pagehide", saveDraft);

// A temporary chat ends with its session of the server, and its questions are for no other chat.
const returnTemporaryQuestions = () => {
  if (!isNewChat(page.slot)) return;
  for (const question of [...questions.values()].filter(({ slot, user }) => slot === TEMPORARY && user === page.user)) {
    returnQuestion(question);
    showUnsaved(question.text);
  }
};

// Another chat may be opened before the question is rendered.
const isOfPage = (key) => openQuestions().some((question) => question.key === key)
  || page.results.some(([stored, , slot]) => stored === key && slot === page.slot);

let handledErasure = "";
const updatePage = (next) => {
  page = next;
  const start = Date.now();
  clearInterval(boxTimer);
  const update = () => {
    if (page !== next) return clearInterval(boxTimer);
    const element = document.querySelector(BOX);
    if (!box?.isConnected) isComposing = false;
    if (!element || isComposing) return Date.now() - start > BOX_TIMEOUT && !isComposing && clearInterval(boxTimer);
    clearInterval(boxTimer);
    moveDrafts();
    showDraft(element);
    const isConfirmed = takeResults();
    if (sent && !isOfPage(sent.key)) removeSentQuestion();
    adoptQuestions();
    // A session of the server that is new to this page knows nothing of what was submitted to another one.
    const isNewSession = serverSession && serverSession !== page.session;
    serverSession = page.session;
    returnTemporaryQuestions();
    if (isNewSession) for (const question of openQuestions()) question.count = 0;
    if (isNewSession || isConfirmed) submitQuestions(isNewSession ? openQuestions() : []);
    if (openQuestions().length) startLooking();
    sendHeld();
    look();
  };
  boxTimer = setInterval(update, 50);
  update();
};

export default function ({ data, parentElement, setTriggerValue }) {
  // While the page loads, Streamlit renders the component several times, and calls this in any order afterwards.
  if (!parentElement.isConnected) return undefined;
  sessionUser = data.user;
  if (data.erasure && data.erasure !== handledErasure) {
    handledErasure = data.erasure;
    eraseAll(data.user);
  }
  if (!data.slot) return undefined;
  const notice = parentElement.querySelector("[role=status]");
  const own = { ...data, notice, setTriggerValue };
  updatePage(own);
  return () => {
    saveDraft();
    // Streamlit also ends a call that a later one has replaced.
    if (page !== own || parentElement.isConnected) return;
    page = null;
    removeSentQuestion();
  };
}
