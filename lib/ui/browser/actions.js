// Actions of the keyboard shortcuts. They use the controls of the page, so that each action is written once.
const copyText = async (text) => {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // A page over plain http on a local network has no clipboard, but can copy a selection.
    const field = Object.assign(document.createElement("textarea"), { value: text });
    field.style.cssText = "position: fixed; opacity: 0";
    const focused = document.activeElement;
    document.body.append(field);
    field.select();
    document.execCommand("copy");
    field.remove();
    focused?.focus?.({ preventScroll: true });
  }
};

const lastAnswer = () => [...document.querySelectorAll(ANSWERS)].at(-1) ?? null;

const answerText = (answer) =>
  [...answer.querySelectorAll('[data-testid="stMarkdownContainer"], [data-testid="stCode"]')]
    .filter((part) => !part.closest('[data-testid="stExpander"], button, [class*="st-key-tools-"], [data-testid="stCaptionContainer"]'))
    .map((part) => part.innerText.trim()).join("\n\n");

const sidebarToggle = () =>
  document.querySelector('[data-testid="stExpandSidebarButton"]') ??
  document.querySelector('[data-testid="stSidebarCollapseButton"] button');

const isSidebarOpen = () => Boolean(document.querySelector('[data-testid="stSidebar"][data-collapsed="false"]'));

// A control of the sidebar can be used once the sidebar has slid in.
const inSidebar = (selector, use) => {
  if (!isSidebarOpen()) sidebarToggle()?.click();
  let framesLeft = 60;
  const look = () => {
    const control = find(selector);
    if (control && control.getBoundingClientRect().left >= 0) use(control);
    else if (framesLeft--) requestAnimationFrame(look);
  };
  look();
};

const ACTIONS = {
  new_chat: () => document.querySelector(".st-key-new button")?.click(),
  search: () => inSidebar(SEARCH, (field) => { field.focus(); field.select(); }),
  focus_composer: focusComposer,
  copy_answer: ({ texts }) => {
    const answer = lastAnswer();
    const button = answer?.querySelector(".antler-actions .antler-copy");
    if (button) {
      button.click();
      if (button.getBoundingClientRect().bottom > innerHeight || button.getBoundingClientRect().top < 0) announce(texts.copied, true);
    } else if (answer) copyText(answerText(answer)).then(() => announce(texts.copied, true));
    else announce(texts.no_answer, true);
  },
  copy_code: ({ texts }) => {
    const code = [...document.querySelectorAll(`${ANSWERS} pre`)].at(-1);
    if (code) copyText((code.querySelector("code") ?? code).textContent.replace(/\n$/, "")).then(() => announce(texts.copied, true));
    else announce(texts.no_code, true);
  },
  regenerate: ({ texts }) => {
    const button = find(".st-key-retry button", lastAnswer() ?? document.body);
    if (button) button.click();
    else announce(texts.not_regenerated, true);
  },
  toggle_sidebar: () => {
    // Nothing of a collapsed sidebar keeps the focus.
    if (isSidebarOpen() && focusedElement()?.closest('[data-testid="stSidebar"]')) focusComposer();
    sidebarToggle()?.click();
  },
  settings: () => document.querySelector('.st-key-sidebar-links a[href*="settings"]')?.click(),
  show_shortcuts: () => document.dispatchEvent(new CustomEvent("antler:shortcuts")),
};
