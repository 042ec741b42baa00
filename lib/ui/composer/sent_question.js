// Shows a question at its place in the chat as soon as it is sent, until the server has rendered it.
//
// It is an element of its own beside React's. The rendered question replaces it in the same frame.
const MAIN_BLOCK = '[data-testid="stMainBlockContainer"] > [data-testid="stVerticalBlock"]';
const GREETING = ".st-key-welcome"; // of a new chat: hidden meanwhile
const MESSAGE_PAGES = '[class*="st-key-messages-"] > [data-testid="stLayoutWrapper"] > [data-testid="stVerticalBlock"]';
const RENDERED_QUESTIONS = '[class*="st-key-question-"], [class*="st-key-queued-"]';
const MAX_OPEN_CHARS = 2000, MAX_OPEN_LINES = 20; // a longer text is cut off, as in a rendered question

let sent = null; // key of the question, its element, the questions rendered before, and if the server has stored it

const listRendered = () => [...document.querySelectorAll(RENDERED_QUESTIONS)];
const keyClass = (element) => [...element.classList].find((name) => name.startsWith("st-key-"));

const createSentQuestion = ({ text, ...question }) => {
  const element = document.createElement("div"), names = fileNames(question);
  element.className = "antler-sent as-written";
  element.dir = "auto";
  element.textContent = [names, text].filter(Boolean).join("\n");
  if (text.length > MAX_OPEN_CHARS || text.split("\n").length > MAX_OPEN_LINES) element.dataset.long = "";
  return element;
};

const showSentQuestion = (question) => {
  // While an answer arrives, a question waits in the queue.
  if (sent || document.querySelector('.st-key-stop button, [class*="st-key-queued-"]')) return;
  const page = [...document.querySelectorAll(MESSAGE_PAGES)].at(-1);
  // What contains the greeting is removed together with it.
  const greeting = [...(document.querySelector(MAIN_BLOCK)?.children ?? [])].find((child) => child.querySelector(GREETING));
  const app = document.querySelector('[data-testid="stApp"]');
  if (!app || !(page ?? greeting)) return;
  const element = createSentQuestion(question);
  sent = { key: question.key, element, isStored: false, rendered: new Set(listRendered().map(keyClass)) };
  sent.observer = new MutationObserver(replaceSentQuestion);
  sent.observer.observe(app, { childList: true, subtree: true, characterData: true, attributeFilter: ["data-test-script-state"] });
  document.documentElement.dataset.antlerSent = "";
  if (page) page.append(element);
  else greeting.before(element);
  document.dispatchEvent(new CustomEvent("antler:sent"));
};

const removeSentQuestion = () => {
  if (!sent) return;
  sent.observer.disconnect();
  sent.element.remove();
  delete document.documentElement.dataset.antlerSent;
  sent = null;
};

// The container of a question and its avatar are rendered before its text.
const isRendered = (element) =>
  !sent.rendered.has(keyClass(element)) && Boolean(element.querySelector('[data-testid="stChatMessageContent"]')?.textContent.trim());

const replaceSentQuestion = () => {
  const isIdle = document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState === "notRunning";
  if (!sent.element.isConnected || (sent.isStored && isIdle) || listRendered().some(isRendered)) removeSentQuestion();
};
