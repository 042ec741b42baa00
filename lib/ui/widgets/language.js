// Sets the language of the document, and replaces Streamlit's own English texts: it has no option for them.
const ATTRIBUTES = ["alt", "aria-label", "title", "placeholder"];
// The last one is a dialog of Streamlit's page itself, which has no elements of the app.
const TEXTS =
  '[data-testid="InputInstructions"], [role="listbox"], [data-testid="stTooltipContent"], [data-testid="stDateInputQuickSelect"], ' +
  '[data-testid="stTooltipErrorContent"], :is([data-testid="stNumberInputContainer"], [data-testid="stFileChip"]) [role="alert"], ' +
  '[data-testid="stFileUploaderDropzone"], a[href="#stMain"], [role="dialog"]:not(:has([data-testid="stVerticalBlock"]))';
let observer = null; // Streamlit may call the function below several times

export default function ({ data }) {
  document.documentElement.lang = data.language;
  observer?.disconnect();
  observer = null;
  if (!data.patterns.length) return;
  // A problem of a field has the prefix for screen readers only, and its color for others.
  const patterns = data.patterns.map(([source, target]) => [new RegExp(`^(?:Error: )?${source}$`), target]);

  const translate = (text) => {
    const match = patterns.find(([pattern]) => pattern.test(text));
    return match ? text.replace(...match) : text;
  };
  const translateAttribute = (element, name) => {
    const text = element.getAttribute(name);
    if (text && translate(text) !== text) element.setAttribute(name, translate(text));
  };
  const translateText = (node) => {
    if (translate(node.data) !== node.data) node.data = translate(node.data);
  };
  const translateTexts = (element) => {
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) translateText(walker.currentNode);
  };
  const translateTree = (root) => {
    for (const name of ATTRIBUTES)
      for (const element of [root, ...root.querySelectorAll(`[${name}]`)]) translateAttribute(element, name);
    if (root.closest(TEXTS)) translateTexts(root);
    else root.querySelectorAll(TEXTS).forEach(translateTexts);
  };

  translateTree(document.body);
  observer = new MutationObserver((mutations) => {
    for (const { type, target, addedNodes, attributeName } of mutations) {
      if (type === "attributes") translateAttribute(target, attributeName);
      else if (type === "characterData") target.parentElement?.closest(TEXTS) && translateText(target);
      else for (const node of addedNodes) {
        if (node.nodeType === Node.ELEMENT_NODE) translateTree(node);
        else if (node.nodeType === Node.TEXT_NODE && target.closest?.(TEXTS)) translateText(node);
      }
    }
  });
  observer.observe(document.body, {
    attributeFilter: ATTRIBUTES, characterData: true, childList: true, subtree: true,
  });
}
