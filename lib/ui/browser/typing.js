// Text that is typed or pasted while nothing else takes it goes to the composer.
const INPUT_METHOD_KEY = 229; // the key code of a key that an input method has handled
const QUICK_FIND_KEYS = navigator.userAgent.includes("Firefox") ? ["/", "'"] : [];

// Safari ends the composition before the keydown of its Enter, which then looks like any other (WebKit bug 165004).
const isComposing = (event) => event.isComposing || event.keyCode === INPUT_METHOD_KEY;

const isPrintable = (event) => {
  if (event.key === "Dead") return true;
  if ([...event.key].length !== 1 || event.key === " " || QUICK_FIND_KEYS.includes(event.key)) return false;
  // AltGr, and Option on a Mac, are part of a character. Windows reports AltGr as Ctrl and Alt.
  if (event.getModifierState("AltGraph")) return true;
  return !event.ctrlKey && !event.metaKey && (!event.altKey || isMac);
};

const canTakeText = (target) => !isTextField(target) && !isOverlayOpen() && !hasSelection();

const typeIntoComposer = (event, target) => {
  if (event.repeat || !isPrintable(event) || !canTakeText(target) || !focusComposer()) return false;
  // The browser now inserts the character. Streamlit would take a single letter as a command.
  event.stopImmediatePropagation();
  return true;
};

const pasteIntoComposer = (event) => {
  const target = event.composedPath()[0], data = event.clipboardData;
  if (event.defaultPrevented || !data || !canTakeText(target)) return;
  const composer = findComposer();
  if (!composer || !focusComposer()) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  // The composer takes files by an event of its own.
  const copy = new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
  const text = data.getData("text/plain");
  if (composer.dispatchEvent(copy) && text) document.execCommand("insertText", false, text);
};

const editLastQuestion = (event, target) => {
  const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey;
  if (event.key !== "ArrowUp" || !isPlain || !target.matches?.(COMPOSER) || target.value || isOverlayOpen()) return false;
  const button = findLast(`${QUESTIONS} [class*="st-key-edit-"] button`);
  button?.click();
  return Boolean(button);
};
