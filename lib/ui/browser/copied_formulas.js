// A copied formula is its TeX.
const formulaOf = (node) => (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement)?.closest(".katex");

const copyFormulas = (event) => {
  const selection = document.getSelection();
  if (!selection.rangeCount || selection.isCollapsed || !event.clipboardData) return;
  const range = selection.getRangeAt(0).cloneRange();
  const [first, last] = [formulaOf(range.startContainer), formulaOf(range.endContainer)];
  if (first) range.setStartBefore(first);
  if (last) range.setEndAfter(last);
  const copy = document.createElement("div");
  copy.append(range.cloneContents());
  const formulas = copy.querySelectorAll(".katex");
  if (!formulas.length) return;
  for (const formula of formulas) {
    const source = formula.querySelector("annotation")?.textContent ?? formula.textContent;
    const display = formula.closest(".katex-display");
    const text = display ? `$$\n${source}\n$$` : `$${source}$`;
    (display ?? formula).replaceWith(Object.assign(document.createElement(display ? "pre" : "span"), { textContent: text }));
  }
  // Only text that is laid out has the line ends of its blocks.
  copy.style.cssText = "position: fixed; opacity: 0; pointer-events: none";
  document.body.append(copy);
  event.clipboardData.setData("text/plain", copy.innerText);
  copy.removeAttribute("style");
  event.clipboardData.setData("text/html", copy.outerHTML);
  copy.remove();
  event.preventDefault();
};

let mountedKey = null;

export default function ({ key }) {
  mountedKey = key;
  // The same listener is added once, however often Streamlit calls this.
  document.addEventListener("copy", copyFormulas);
  return () => { if (mountedKey === key) document.removeEventListener("copy", copyFormulas); };
}
