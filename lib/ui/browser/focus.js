// Keeps the keyboard focus at a sensible place: in the composer when a chat is opened or an answer has ended, in a form
// that was just opened, and after a rerun that removed the focused control, at the control that stands for it. On phones, the
// sidebar closes when another page or chat is opened.
const CONTROLS = 'button:not(:disabled), a[href], input:not(:disabled), textarea:not(:disabled), [tabindex="0"]';
const MESSAGES = `${QUESTIONS}, ${ANSWERS}`;
const UNDO = ".st-key-undo-do button";
const COMPOSER_TIMEOUT = 60000; // ms, in which a page that loads has to show its composer, also on a slow device
const CARET_FRAMES = 60;
const MAX_PHONE_WIDTH = 768; // up to this width, Streamlit lays the sidebar over the page
const ID = /[-\w]{16}(?=$|--?1$)/;

let mountedKey = null, lastRequest = null, observer = null;
let focused = null; // the control that has the focus, or had it last: see describe()
let lost = null; // the control that was removed while it had the focus
let waiting = null; // an action such as Regenerate that comes back when the answer has ended
let undone = null; // the control that had offered the undo
let openForms = new Set(); // keys of their Cancel buttons
const openers = new Map(); // what had the focus before a form was opened, by the key of its Cancel button
let frame = null;
let composerDeadline = 0;

const keyOf = (element) => {
  const owner = element.closest('[class*="st-key-"]');
  return [...(owner?.classList ?? [])].find((name) => name.startsWith("st-key-"))?.slice("st-key-".length) ?? "";
};
const byKey = (key) => key && find(CONTROLS, document.querySelector(`.st-key-${CSS.escape(key)}`) ?? document.createElement("i"));
const kindOf = (key) => key.replace(ID, "");
const isNowhere = () => [document.body, document.documentElement, null].includes(document.activeElement) || document.activeElement.tagName === "MAIN";

const describe = (element) => {
  const message = element.closest(MESSAGES);
  return {
    element, key: keyOf(element), hadUndo: Boolean(document.querySelector(UNDO)),
    form: keyOf([...document.querySelectorAll(CLOSE_BUTTONS)].find((button) => formOf(button)?.contains(element)) ?? document.body),
    index: message ? [...document.querySelectorAll(MESSAGES)].indexOf(message) : -1,
  };
};

const remember = ({ target }) => {
  if (!target.matches?.(CONTROLS) || target.tagName === "MAIN") return;
  lost = waiting = null;
  composerDeadline = 0;
  // A menu has no key: what opened it stands for it.
  if (focused && target.closest('[role="menu"], [role="listbox"], [data-testid="stPopoverBody"]')) focused.element = target;
  else focused = describe(target);
};

// The user has left a control that is still there.
const forget = ({ target, relatedTarget }) => {
  if (relatedTarget || !document.hasFocus()) return;
  queueMicrotask(() => { if (target.isConnected && !target.disabled && isNowhere()) focused = null; });
};

// What opened the form that was closed; else the control with the same key.
const findSame = ({ key, form }) => {
  const opener = form && !document.querySelector(`.st-key-${CSS.escape(form)}`) && openers.get(form);
  return opener ? (isEnabled(opener.element) ? opener.element : byKey(opener.key)) : byKey(key);
};

// The same control; else what belongs to the same message or chat, and the same action of the message that is now at the
// place.
const findSuccessor = (control) => {
  const { key, form, index, hadUndo } = control, same = findSame(control);
  if (same) return same;
  const undo = find(UNDO);
  if (undo && !hadUndo) {
    undone = { key, index };
    return undo;
  }
  if (key === "undo-do" && undone) return byKey(undone.key);
  const id = key.match(ID)?.[0];
  for (const name of id ? ["edit", "actions", "more", "open"] : []) {
    const related = byKey(`${name}-${id}`);
    if (related) return related;
  }
  const message = index < 0 ? null : document.querySelectorAll(MESSAGES)[index];
  if (!message || form) return null;
  const keyed = [...message.querySelectorAll(`[class*="st-key-${CSS.escape(kindOf(key).split("-")[0])}-"]`)];
  const ofKind = keyed.map((element) => find(CONTROLS, element)).filter(Boolean);
  return ofKind.find((other) => kindOf(keyOf(other)) === kindOf(key)) ?? ofKind[0] ?? null;
};

const isSettled = () =>
  document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === "notRunning" || Boolean(document.querySelector(RUNNING_STOP));

const findFallback = () => (hasTouchKeyboard() ? null : findComposer()) ?? document.querySelector("main");

// A form whose field is not rendered yet will take the focus.
const isFormOpening = () => [...document.querySelectorAll(CLOSE_BUTTONS)].some((button) => isEnabled(button) && !formOf(button));

const restore = () => {
  if (!lost) return;
  if (!isNowhere()) {
    lost = null;
    return;
  }
  const successor = findSuccessor(lost) ?? (isSettled() && !isFormOpening() ? findFallback() : null);
  if (!successor) return;
  // The answer can have ended already, and its buttons are still to come.
  const action = successor.matches(COMPOSER) ? lost : null;
  lost = null;
  successor.focus({ preventScroll: successor.matches(`${COMPOSER}, main`) });
  waiting = action;
};

// Select the text of a line, and go to the end of a longer text: again when the value changes without an input, because
// Streamlit fills it in later. A selection that the user has made meanwhile stays.
const placeCaret = (field) => {
  let framesLeft = CARET_FRAMES, value = null;
  for (const event of ["keydown", "pointerdown", "beforeinput"]) field.addEventListener(event, () => { framesLeft = 0; }, { once: true });
  const place = () => {
    if (framesLeft-- <= 0 || document.activeElement !== field || field.selectionStart === null) return;
    if (field.value !== value) {
      value = field.value;
      field.setSelectionRange(field.tagName === "INPUT" ? 0 : value.length, value.length);
    }
    requestAnimationFrame(place);
  };
  place();
};

const focusNewForm = () => {
  // The field can be rendered later than the button.
  const buttons = [...document.querySelectorAll(CLOSE_BUTTONS)].filter((button) => isEnabled(button) && formOf(button)?.querySelector(FIELDS));
  const opened = buttons.find((button) => !openForms.has(keyOf(button)));
  openForms = new Set(buttons.map(keyOf));
  const field = opened && formOf(opened)?.querySelector(FIELDS);
  if (!field) return;
  openers.set(keyOf(opened), focused ?? lost);
  field.focus();
  placeCaret(field);
};

const focusRequested = () => {
  if (!composerDeadline) return;
  const active = focusedElement();
  const isElsewhere = isTextField(active) && !active.matches(COMPOSER);
  if (performance.now() > composerDeadline || isElsewhere || isOverlayOpen() || hasSelection()) composerDeadline = 0;
  else if (focusComposer()) composerDeadline = 0;
};

const onChange = () => {
  focusNewForm();
  focusRequested();
  if (isGone() && isNowhere()) {
    lost = focused;
    focused = null;
  }
  restore();
  returnToAction();
};

const schedule = () => { frame ??= requestAnimationFrame(() => { frame = null; onChange(); }); };

const requestComposer = () => {
  if (hasTouchKeyboard()) return;
  composerDeadline = performance.now() + COMPOSER_TIMEOUT;
  onChange();
};

// The focus goes back to the action if the user has done nothing else meanwhile.
const returnToAction = () => {
  if (!waiting || document.querySelector(RUNNING_STOP)) return;
  const active = document.activeElement, control = findSame(waiting);
  if (!active.matches(COMPOSER) || active.value) waiting = null;
  // The script is at rest for a moment between the run of the answer and the one that renders the control again, and a row
  // of the list is rendered a moment after its run.
  else if (control) control.focus({ preventScroll: true });
};

const isGone = () => Boolean(focused && (!focused.element.isConnected || focused.element.disabled));
const onAnswer = ({ detail }) => {
  if (detail.state !== "ended" || !isNowhere() || hasSelection()) return;
  // An answer can end before anything has noticed that its action is gone, to which the focus goes back.
  if (lost || isGone()) schedule();
  else requestComposer();
};

const cancelReturn = ({ key }) => { if (key !== "Escape") waiting = null; };
const cancelRequest = () => {
  composerDeadline = 0;
  waiting = null;
};

const uncoverPage = () => {
  if (innerWidth <= MAX_PHONE_WIDTH)
    document.querySelector('[data-testid="stSidebar"][data-collapsed="false"] [data-testid="stSidebarCollapseButton"] button')?.click();
};

export default function ({ data, key }) {
  mountedKey = key;
  document.addEventListener("focusin", remember);
  document.addEventListener("focusout", forget);
  document.addEventListener("antler:answer", onAnswer);
  addEventListener("pointerdown", cancelRequest, { capture: true });
  addEventListener("keydown", cancelReturn, { capture: true });
  if (!observer) {
    observer = new MutationObserver(schedule);
    observer.observe(document.body, { childList: true, subtree: true, attributeFilter: ["disabled", "data-test-script-state"] });
  }
  if (data.request !== lastRequest) {
    if (lastRequest !== null) uncoverPage();
    requestComposer();
  }
  lastRequest = data.request;
  return () => {
    if (mountedKey !== key) return;
    lastRequest = null;
    observer.disconnect();
    observer = null;
    document.removeEventListener("focusin", remember);
    document.removeEventListener("focusout", forget);
    document.removeEventListener("antler:answer", onAnswer);
    removeEventListener("pointerdown", cancelRequest, { capture: true });
    removeEventListener("keydown", cancelReturn, { capture: true });
  };
}
