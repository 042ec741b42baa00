// Says how the open chat's answer is going: in the tab's title, to screen readers, and as a notification.
const STREAMING = "… ", COMPLETE = "✓ ", FAILED = "⚠ "; // before the title
const SHOWN_TIME = 2500; // ms
const MAX_AGE = 15; // s

const seenRenders = new Set(), seenAnswers = new Set();
const mountedKeys = new Set();
let region = null, titleObserver = null;
let title = "", mark = "", current = null; // {id, state} of the answer

// Streamlit sets its own title in each run.
const showTitle = () => {
  if (document.title !== mark + title) document.title = mark + title;
};

const onVisible = () => {
  if (document.hidden || ![COMPLETE, FAILED].includes(mark)) return;
  mark = "";
  showTitle();
};

const createRegion = () => {
  const element = Object.assign(document.createElement("div"), { className: "antler-announcer" });
  element.setAttribute("role", "status");
  element.setAttribute("aria-live", "polite");
  document.body.append(element);
  return element;
};

const onAnnounce = ({ detail: { text, isShown } }) => {
  const line = document.createElement("p");
  line.textContent = text;
  region.replaceChildren(line);
  region.toggleAttribute("data-shown", isShown);
  // An equal text is announced again only where the last one is gone.
  setTimeout(() => { line.remove(); if (!region?.childElementCount) region?.removeAttribute("data-shown"); }, SHOWN_TIME);
};

const notify = (answer, conversation) => {
  let isWanted = false;
  try { isWanted = localStorage.getItem(NOTIFICATIONS_KEY) === "on"; } catch { /* The browser stores nothing. */ }
  if (!document.hidden || !isWanted || globalThis.Notification?.permission !== "granted") return;
  try {
    // With the same tag, two tabs with the same chat notify once.
    const options = { body: (answer.is_complete && answer.excerpt) || answer.message, tag: `antler-${conversation}-${answer.id}`, icon: document.querySelector('link[rel~="icon"]')?.href };
    const notification = new Notification(title, options);
    notification.onclick = () => { window.focus(); notification.close(); };
  } catch { /* Chrome on Android has no notifications of a page. */ }
};

const report = ({ id, state }) => document.dispatchEvent(new CustomEvent("antler:answer", { detail: { id, state } }));

// An answer can end before the page has seen it arrive: it is younger than the page, and was not shown before.
const isNew = ({ id, age }) => age < MAX_AGE && age * 1000 < performance.now() && !seenAnswers.has(id);

const onStart = (answer) => {
  mark = STREAMING;
  announce(answer.message);
  report(answer);
};

const onEnd = (answer, conversation) => {
  mark = !document.hidden || answer.is_stopped ? "" : answer.is_complete ? COMPLETE : FAILED;
  announce(answer.message);
  report(answer);
  if (!answer.is_stopped) notify(answer, conversation);
};

const update = ({ answer, conversation }) => {
  const isSame = current && answer && current.id === answer.id;
  const wasArriving = isSame && current.state === "arriving";
  if (answer?.state === "arriving") {
    if (!wasArriving) onStart(answer);
  } else if (answer && (wasArriving || isNew(answer))) onEnd(answer, conversation);
  else if (!isSame) mark = "";
  if (answer) seenAnswers.add(answer.id);
  current = answer;
};

export default function ({ data, key }) {
  mountedKeys.add(key);
  region ??= createRegion();
  document.addEventListener("antler:announce", onAnnounce);
  document.addEventListener("visibilitychange", onVisible);
  if (!titleObserver) {
    titleObserver = new MutationObserver(showTitle);
    titleObserver.observe(document.head, { childList: true, subtree: true, characterData: true });
  }
  // Streamlit calls this again with the data of an earlier rendering.
  if (!seenRenders.has(data.nonce)) {
    seenRenders.add(data.nonce);
    title = data.title;
    update(data);
    showTitle();
  }
  return () => {
    mountedKeys.delete(key);
    if (mountedKeys.size) return;
    titleObserver.disconnect();
    titleObserver = current = null;
    region.remove();
    region = null;
    mark = "";
    document.removeEventListener("antler:announce", onAnnounce);
    document.removeEventListener("visibilitychange", onVisible);
  };
}
