// Names the parts of the page for screen readers: chats, conversation and composer. New tokens of an answer are not read.
const PARTS = [
  ['[data-testid="stSidebar"]', "navigation", "sidebar"],
  ['[data-testid="stBottomBlockContainer"]', "region", "composer"],
];
let labels = {}, mountedKey = null, observer = null, frame = null;

const setAttributes = (element, attributes) => {
  for (const [name, value] of Object.entries(attributes))
    if (element && element.getAttribute(name) !== value) element.setAttribute(name, value);
};

const label = () => {
  frame = null;
  for (const [selector, role, name] of PARTS) setAttributes(document.querySelector(selector), { role, "aria-label": labels[name] });
  const messages = document.querySelector('[class*="st-key-messages-"]');
  // Its own live region announces start and end of an answer.
  setAttributes(messages, { role: "log", "aria-live": "off", "aria-label": labels.messages });
  for (const box of document.querySelectorAll(".task-list-item > input"))
    setAttributes(box, { "aria-label": box.checked ? labels.task_done : labels.task_open });
};

const schedule = () => { frame ??= requestAnimationFrame(label); };

export default function ({ data, key }) {
  labels = data.labels;
  mountedKey = key;
  if (!observer) {
    observer = new MutationObserver(schedule);
    observer.observe(document.body, { childList: true, subtree: true });
  }
  label();
  return () => {
    if (mountedKey !== key) return;
    observer.disconnect();
    observer = null;
  };
}
