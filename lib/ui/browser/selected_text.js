// Text that is selected: a copied formula is its TeX, and a button takes what is selected in a message into the composer, as
// a quotation.
const MESSAGE_TEXT = ':is([class*="st-key-question-"], [class*="st-key-answer-"]) [data-testid="stChatMessageContent"]';
const NO_TEXT_PARTS = "button, textarea, .antler-code-bar, .antler-table-bar";
const GAP = 8, MARGIN = 8; // pixels
let button = null, mountedKey = null;

const formulaOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement)?.closest(".katex");

// A copy of the selection in the page, where only its text is laid out, and whether it has formulas; null without one.
const copySelection = () => {
  const selection = document.getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0).cloneRange();
  const [first, last] = [formulaOf(range.startContainer), formulaOf(range.endContainer)];
  if (first) range.setStartBefore(first);
  if (last) range.setEndAfter(last);
  const copy = document.createElement("div");
  copy.append(range.cloneContents());
  const formulas = copy.querySelectorAll(".katex");
  for (const formula of formulas) {
    const source = formula.querySelector("annotation")?.textContent ?? formula.textContent;
    const display = formula.closest(".katex-display");
    const text = display ? `$$\n${source}\n$$` : `$${source}$`;
    (display ?? formula).replaceWith(Object.assign(document.createElement(display ? "pre" : "span"), { textContent: text }));
  }
  // Only text that is laid out has the line ends of its blocks.
  copy.style.cssText = "position: fixed; opacity: 0; pointer-events: none";
  document.body.append(copy);
  return { copy, hasFormulas: formulas.length > 0 };
};

const copyFormulas = (event) => {
  const selected = event.clipboardData && copySelection();
  if (!selected) return;
  const { copy, hasFormulas } = selected, text = copy.innerText;
  copy.remove();
  if (!hasFormulas) return;
  copy.removeAttribute("style");
  event.clipboardData.setData("text/plain", text);
  event.clipboardData.setData("text/html", copy.outerHTML);
  event.preventDefault();
};

const hideButton = () => { if (button) button.hidden = true; };

const isInMessage = (node) => Boolean((node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement)?.closest(MESSAGE_TEXT));

const readQuotation = () => {
  const { copy } = copySelection() ?? {};
  if (!copy) return "";
  copy.querySelectorAll(NO_TEXT_PARTS).forEach((part) => part.remove());
  const text = copy.innerText.trim();
  copy.remove();
  return text && text.split(/\n/).map((line) => `> ${line}`.trimEnd()).join("\n");
};

const quote = () => {
  const text = readQuotation();
  document.getSelection().removeAllRanges();
  hideButton();
  if (!text || !focusComposer()) return;
  const before = findComposer().value.trimEnd() ? "\n\n" : "";
  document.execCommand("insertText", false, `${before}${text}\n\n`);
};

const placeButton = () => {
  const selection = document.getSelection();
  const isQuotable = selection.rangeCount && !selection.isCollapsed && selection.toString().trim() && isInMessage(selection.anchorNode) && findComposer();
  if (!isQuotable) return hideButton();
  const boxes = [...selection.getRangeAt(0).getClientRects()].filter(({ width }) => width), box = boxes.at(-1);
  if (!box) return hideButton();
  button.hidden = false;
  const { width, height } = button.getBoundingClientRect();
  const top = box.bottom + GAP + height > findComposer().getBoundingClientRect().top ? boxes[0].top - GAP - height : box.bottom + GAP;
  button.style.top = `${Math.max(MARGIN, top)}px`;
  button.style.left = `${Math.min(Math.max(MARGIN, box.right - width), innerWidth - width - MARGIN)}px`;
};

// After the browser has changed the selection.
const look = (event) => { if (!button?.contains(event.target)) setTimeout(placeButton); };

export default function ({ data, key, parentElement }) {
  mountedKey = key;
  button = parentElement.querySelector("button");
  button.querySelector("span").textContent = data.label;
  button.onclick = quote;
  button.onpointerdown = button.onmousedown = (event) => event.preventDefault(); // the selection stays
  // The same listeners are added once, however often Streamlit calls this.
  document.addEventListener("copy", copyFormulas);
  document.addEventListener("pointerup", look);
  document.addEventListener("keyup", look);
  addEventListener("scroll", hideButton, { capture: true, passive: true });
  return () => {
    if (mountedKey !== key) return;
    document.removeEventListener("copy", copyFormulas);
    document.removeEventListener("pointerup", look);
    document.removeEventListener("keyup", look);
    removeEventListener("scroll", hideButton, { capture: true });
  };
}
