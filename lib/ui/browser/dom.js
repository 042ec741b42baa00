// Shared by the scripts of this folder: elements of the page by the keys of its widgets, and what holds the keyboard.
const NOTIFICATIONS_KEY = "antler.notifications"; // in the local storage: "on" or "off"
const COMPOSER = '[data-testid="stChatInputTextArea"]';
const QUESTIONS = '[class*="st-key-question-"]', ANSWERS = '[class*="st-key-answer-"]';
const CLOSE_BUTTONS = '[class*="st-key-close-"] button'; // Cancel of the forms that open in the page
const SEARCH = ".st-key-search input";
const FIELDS = 'textarea, input:not([type="checkbox"], [type="radio"])';
const PAGE_PARTS = '.st-key-conversations, .st-key-list-bar, [data-testid="stSidebarUserContent"], [data-testid="stMainBlockContainer"], [data-testid="stBottomBlockContainer"], body';
const RUNNING_STOP = ".st-key-stop button";
const NO_TEXT = ["checkbox", "radio", "button", "submit", "reset", "range", "color", "file", "image"];
const OVERLAYS = '[role="menu"], [role="listbox"], [role="dialog"], [data-testid="stPopoverBody"], dialog[open]';

const isMac = /Mac|iPhone|iPad/.test(navigator.platform);
// Where a focused field opens a keyboard over the page.
const hasTouchKeyboard = () => matchMedia("(hover: none) and (pointer: coarse)").matches;

const isVisible = (element) => Boolean(element?.isConnected && element.checkVisibility({ visibilityProperty: true }));
const isEnabled = (element) => isVisible(element) && !element.disabled;

const find = (selector, root = document) => [...root.querySelectorAll(selector)].find(isEnabled) ?? null;
const findLast = (selector, root = document) => [...root.querySelectorAll(selector)].findLast(isEnabled) ?? null;

// The innermost focused element, also inside of a component with a shadow root.
const focusedElement = () => {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
};

const isTextField = (element) =>
  element instanceof HTMLTextAreaElement || element instanceof HTMLSelectElement ||
  (element instanceof HTMLInputElement && !NO_TEXT.includes(element.type)) ||
  Boolean(element?.isContentEditable || element?.closest?.('[role="textbox"], [role="searchbox"], [role="combobox"]'));

const isOverlayOpen = () => [...document.querySelectorAll(OVERLAYS)].some(isVisible);
const hasSelection = () => !(document.getSelection()?.isCollapsed ?? true);

const findComposer = () => find(COMPOSER);

const focusComposer = () => {
  const composer = findComposer();
  if (!composer) return false;
  composer.focus({ preventScroll: true });
  composer.setSelectionRange(composer.value.length, composer.value.length);
  return true;
};

// The form that a Cancel button closes: its own, or the smallest part of the page with both the button and a field. While
// the field is not rendered yet, that is none: other fields of the page do not belong to it.
const formOf = (button) => {
  const form = button.closest('[data-testid="stForm"]');
  if (form) return form;
  let part = button.parentElement;
  while (part && !part.querySelector(FIELDS)) part = part.matches(PAGE_PARTS) ? null : part.parentElement;
  return part?.matches(PAGE_PARTS) ? null : part;
};

// Said to screen readers, and shown for a moment where `isShown`.
const announce = (text, isShown = false) => document.dispatchEvent(new CustomEvent("antler:announce", { detail: { text, isShown } }));
