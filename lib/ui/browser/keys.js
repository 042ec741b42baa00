// The one listener for keys: input methods, shortcuts, Escape, and typing into the composer.
// A character that a key with Shift has on other keyboards. A shortcut is a character, not a place of a key.
const ALIASES = { "/": ["/", "?"], ";": [";", ":", "."] };
const LATIN_CODES = { Slash: "/", Semicolon: ";", Comma: "," };
let settings = null, mountedKey = null;

const latinKey = ({ key, code }) =>
  key.length === 1 && key > "\u007f" ? (LATIN_CODES[code] ?? code.replace(/^Key/, "")).toLowerCase() : key.toLowerCase();

const matchesKeys = (event, keys) => {
  const parts = keys.split("+"), name = parts.at(-1);
  const isMod = isMac ? event.metaKey && !event.ctrlKey : event.ctrlKey && !event.metaKey;
  const isCtrl = event.ctrlKey && !event.metaKey;
  if (event.altKey || event.getModifierState("AltGraph")) return false;
  const hasModifier = parts.includes("mod") ? isMod : parts.includes("ctrl") ? isCtrl : !event.ctrlKey && !event.metaKey;
  // On some keyboards a sign itself needs Shift.
  const needsShift = parts.includes("shift"), isSign = !/[a-z0-9]/.test(name);
  const isShiftRight = needsShift === event.shiftKey || (isSign && event.shiftKey);
  return hasModifier && isShiftRight && (ALIASES[name] ?? [name]).includes(latinKey(event));
};

const runShortcut = (event, target) => {
  const shortcut = settings.shortcuts.find(({ action, keys }) => ACTIONS[action] && keys.some((one) => matchesKeys(event, one)));
  const isDialogOpen = Boolean(document.querySelector('[aria-modal="true"], dialog[open]'));
  if (!shortcut || (isDialogOpen && shortcut.action !== "show_shortcuts")) return false;
  const isCharacter = !event.ctrlKey && !event.metaKey && event.key.length === 1;
  if (isCharacter && (isTextField(target) || (isOverlayOpen() && !isDialogOpen))) return false;
  if (!event.repeat) ACTIONS[shortcut.action](settings);
  return true;
};

// The Cancel button of the form that holds the focus.
const closeButton = (target) => {
  const buttons = [...document.querySelectorAll(CLOSE_BUTTONS)].filter(isEnabled);
  return buttons.find((button) => formOf(button)?.contains(target)) ?? null;
};

// The button that sends what is written in a text of a new comparison.
const comparisonButton = (target) => target.closest(".st-key-compare-prompt, .st-key-compare-system") && find(".st-key-compare-start button");

// Streamlit presses the first button of a form, which is Cancel: these keys mean what the form is for.
const submitForm = (event, target) => {
  if (event.key !== "Enter" || event.shiftKey || event.altKey) return false;
  const hasModifier = event.ctrlKey || event.metaKey;
  if (!target.matches?.(hasModifier ? "textarea, input" : "input") || !isTextField(target)) return false;
  const form = closeButton(target)?.closest('[data-testid="stForm"]');
  const button = form ? find('[data-testid="stBaseButton-primaryFormSubmit"]', form) : hasModifier && comparisonButton(target);
  if (!button) return false;
  if (!form) target.blur(); // a field outside of a form gives its text to the page then
  button.click();
  return true;
};

// The search in the sidebar closes itself.
const isSearching = (target) =>
  target.matches?.(SEARCH) || Boolean(target.closest?.(".st-key-conversations") && document.querySelector(SEARCH)?.value);

// Close of an open dialog that cannot hear the key: the focus is nowhere, as after its focused element was replaced.
const unfocusedDialogClose = (target) => {
  const overlay = target === document.body ? [...document.querySelectorAll(OVERLAYS)].findLast(isVisible) : null;
  return overlay?.matches('[role="dialog"]') ? find('button[aria-label="Close"]', overlay) : null;
};

const handleEscape = (event, target) => {
  if (event.key !== "Escape" || event.shiftKey || event.ctrlKey || event.metaKey || event.altKey) return false;
  if (isOverlayOpen()) {
    const close = unfocusedDialogClose(target);
    close?.click();
    return Boolean(close);
  }
  if (isSearching(target) || (target.type === "search" && target.value)) return false;
  const button = closeButton(target) ?? find(RUNNING_STOP) ?? findLast(CLOSE_BUTTONS);
  button?.click();
  return Boolean(button);
};

const onKeyDown = (event) => {
  if (typeof event.key !== "string") return; // a browser fills in a saved value
  if (isComposing(event)) {
    if (event.key === "Enter") event.stopImmediatePropagation();
    return;
  }
  if (event.defaultPrevented) return;
  const target = event.composedPath()[0] ?? document.body;
  if (runShortcut(event, target) || handleEscape(event, target) || submitForm(event, target) || editLastQuestion(event, target)) {
    event.preventDefault();
    event.stopImmediatePropagation();
  } else typeIntoComposer(event, target);
};

export default function ({ data, key }) {
  settings = data;
  mountedKey = key;
  // The same listener is added once, however often Streamlit calls this.
  addEventListener("keydown", onKeyDown, { capture: true });
  addEventListener("paste", pasteIntoComposer, { capture: true });
  return () => {
    if (mountedKey !== key) return;
    removeEventListener("keydown", onKeyDown, { capture: true });
    removeEventListener("paste", pasteIntoComposer, { capture: true });
  };
}
