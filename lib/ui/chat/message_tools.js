// Messages: copy and feedback, and the tools of what they contain, whenever the page has changed.
const ROW = "st-key-actions-row-";
// The marks of <sub> and <sup>, as the sanitizer writes them.
const MARK_ROLES = [['span[style*="rgba(0, 0, 1, 0)"]:not([role])', "subscript"], ['span[style*="rgba(0, 0, 2, 0)"]:not([role])', "superscript"]];
const THUMBS = { good: "thumb_up", bad: "thumb_down" };

const createMessageTools = (id, message) => {
  const number = message.number;
  const box = createElement("div", "antler-actions");
  if (message.text)
    box.append(createButton("copy", "content_copy", labelOf(message.isAnswer ? "copy_answer" : "copy_question", { number }),
      (button) => copyAndConfirm(button, tools.messages.get(id).text)));
  if (message.canBeRead && tools.speech) box.append(createReadButton(id, number));
  if (message.rating !== undefined)
    for (const [rating, icon] of Object.entries(THUMBS))
      box.append(createButton(rating, icon, labelOf(rating, { number }), () => tools.rate({ id, rating })));
  return box;
};

const updateRow = (row) => {
  const id = [...row.classList].find((name) => name.startsWith(ROW)).slice(ROW.length);
  const message = tools.messages.get(id);
  let box = row.querySelector(":scope > .antler-actions");
  if (!message) return box?.remove();
  const state = `${id} ${message.number} ${message.text ? 1 : 0} ${message.canBeRead && tools.speech ? 1 : 0} ${message.rating === undefined ? 0 : 1} ${tools.labels.copied}`;
  if (box?.dataset.state !== state) {
    box?.remove();
    row.prepend((box = createMessageTools(id, message)));
    box.dataset.state = state;
  }
  updateReadButton(box.querySelector(".antler-read"));
  for (const rating of Object.keys(THUMBS))
    box.querySelector(`.antler-${rating}`)?.setAttribute("aria-pressed", String(message.rating === rating));
};

// `changed` are the elements with other children than before; without them, all of the message may be new.
const updateMessage = (message, changed = null) => {
  const isGrowing = isArriving(message);
  for (const code of message.querySelectorAll(CODE)) {
    const block = code.parentElement;
    // To compare a long code costs more than all else here.
    const isKept = isGrowing && changed && block.antlerCode !== undefined && !changed.some((element) => block.contains(element));
    if (!isKept) updateCodeBlock(block, isGrowing);
  }
  for (const [mark, role] of MARK_ROLES) message.querySelectorAll(mark).forEach((element) => element.setAttribute("role", role));
  message.querySelectorAll(TABLE).forEach(updateTable);
  message.querySelectorAll(`[class*="${ROW}"]`).forEach(updateRow);
  removeOrphans(message);
};

// An answer arrives in many small changes: only the messages that have changed are looked at. That is done at once: before
// the next frame, the browser may show a block without its tools, which move what is below them.
const updateChanged = (records) => {
  const changed = new Map();
  const noteChange = (message, target) => changed.set(message, (changed.get(message) ?? new Set()).add(target));
  for (const { target, addedNodes } of records) {
    const message = target.closest(MESSAGE);
    if (message) noteChange(message, target);
    else
      for (const node of addedNodes) {
        if (node.nodeType !== Node.ELEMENT_NODE) continue;
        if (node.matches(MESSAGE)) noteChange(node, node);
        node.querySelectorAll(MESSAGE).forEach((inner) => noteChange(inner, inner));
      }
  }
  changed.forEach((targets, message) => updateMessage(message, [...targets]));
  stopWithoutAnswer();
};

// The name of a button that shows only its icon appears beside the pointer.
const showTitle = ({ target }) => {
  const button = target.closest?.(`[class*="${ROW}"] button:not([title]), [class*="st-key-pager-"] button:not([title])`);
  if (button) button.title = button.querySelector("p")?.textContent ?? "";
};

export default function ({ data, setTriggerValue }) {
  for (const message of data.messages) tools.messages.set(message.id, message);
  tools.labels = data.labels;
  tools.live = data.live;
  if (data.live) tools.seenLive.add(data.live);
  tools.speech = data.speech;
  tools.reportReading = (value) => setTriggerValue("reading", value);
  tools.rate = (value) => setTriggerValue("rating", value);
  document.querySelectorAll(MESSAGE).forEach((message) => updateMessage(message));
  if (tools.observer) return;
  tools.observer = new MutationObserver(updateChanged);
  tools.observer.observe(document.body, { childList: true, subtree: true });
  document.addEventListener("pointerover", showTitle, { passive: true });
  addEventListener("pagehide", stopReading);
}
