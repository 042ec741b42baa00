// Arrow keys in the sidebar's list and search results, and titles that are cut off beside the pointer. Escape closes the search and returns to where the focus was.
const ROWS =
  '.st-key-conversations :is([class*="st-key-open-"], [class*="st-key-fold-"], [class*="st-key-found-title-"], [class*="st-key-hit"], [class*="st-key-more-"], [class*="st-key-less-"]) button';
const TITLES = '.st-key-conversations :is([class*="st-key-open-"], [class*="st-key-current-"], [class*="st-key-fold-"])';
const FILTERS = ".st-key-search-filters", FILTER_TOGGLE = ".st-key-search-filter-toggle button";
const INPUT_METHOD_KEY = 229; // the key code of a key that an input method has handled
let origin = null; // what had the focus before the search field
let mountedKey = null;

const clear = (field) => {
  // React takes a value only from the setter of the element's own class.
  Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, "");
  field.dispatchEvent(new Event("input", { bubbles: true }));
};

const closeSearch = (field) => {
  if (field.value) clear(field);
  if (document.querySelector(FILTERS)) document.querySelector(FILTER_TOGGLE)?.click();
  field.blur();
  if (isVisible(origin)) origin.focus();
  else focusComposer();
};

const onKeyDown = (event) => {
  if (event.isComposing || event.keyCode === INPUT_METHOD_KEY || event.altKey || event.ctrlKey || event.metaKey) return;
  const field = document.querySelector(SEARCH);
  const rows = [...document.querySelectorAll(ROWS)];
  const isInField = event.target === field;
  const position = rows.indexOf(event.target);
  if (!isInField && position < 0) return;
  let target = null;
  if (event.key === "ArrowDown") target = rows[position + 1];
  else if (event.key === "ArrowUp" && position >= 0) target = position ? rows[position - 1] : field;
  else if (event.key === "Home" && position >= 0) target = rows[0];
  else if (event.key === "End" && position >= 0) target = rows.at(-1);
  else if (event.key === "Enter" && isInField && field.value) target = rows[0];
  else if (event.key === "Escape" && field && (isInField || field.value)) closeSearch(field);
  else return;
  event.preventDefault();
  event.stopPropagation();
  target?.focus();
  target?.scrollIntoView({ block: "nearest" });
};

const onFocusIn = (event) => {
  if (!event.target.matches?.(SEARCH)) return;
  const from = event.relatedTarget;
  if (!from?.closest('[data-testid="stSidebar"]')) origin = from;
};

const showTitle = ({ target }) => {
  const text = target.closest?.(TITLES)?.querySelector("p");
  if (text) text.title = text.scrollWidth > text.clientWidth ? text.textContent : "";
};

export default function ({ key }) {
  mountedKey = key;
  // The same listeners are added once, however often Streamlit calls this.
  addEventListener("keydown", onKeyDown, { capture: true });
  document.addEventListener("focusin", onFocusIn);
  document.addEventListener("pointerover", showTitle);
  return () => {
    if (mountedKey !== key) return;
    removeEventListener("keydown", onKeyDown, { capture: true });
    document.removeEventListener("focusin", onFocusIn);
    document.removeEventListener("pointerover", showTitle);
  };
}
