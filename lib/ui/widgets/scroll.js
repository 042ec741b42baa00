// The scrolling of the chat page: follow the end while the reader is there, scroll to a question that was sent and to
// a message that was searched for, keep the position while messages are replaced, and a button that leads to the end.
// The only owner: the input stands in the bottom container by itself, so that Streamlit's page does not scroll.
const END_TOLERANCE = 4, RESUME_DISTANCE = 40, BUTTON_DISTANCE = 120, TOP_MARGIN = 72, MAX_SHIFT = 200; // px
const MIN_VISIBLE_SHARE = 0.25; // of the page, that shows content while its end is further up
const RENDER_TIMEOUT = 15000, EARLIER_TIMEOUT = 5000, SETTLE_TIME = 1200, HIGHLIGHT_TIME = 2600, GESTURE_TIME = 250, SCROLL_TIME = 1500, GLIDE_TIME = 1000; // ms
const GESTURES = ["wheel", "touchstart", "pointerdown", "keydown"];
const UP_KEYS = ["ArrowUp", "PageUp", "Home"];
const MESSAGE = '[class*="st-key-question-"], [class*="st-key-answer-"]';

let page = null; // the chat page while it is open

const find = (id) => document.querySelector(`[data-testid="${id}"]`);
const isRunning = () => find("stApp")?.dataset.testScriptState !== "notRunning";
const messageOf = (id) => document.querySelector(`:is(.st-key-question-${CSS.escape(id)}, .st-key-answer-${CSS.escape(id)})`);

class ChatScroll {
  constructor(button) {
    this.button = button;
    this.root = find("stMain") ?? find("stAppScrollToBottomContainer");
    this.content = find("stMainBlockContainer");
    this.block = this.content.firstElementChild;
    this.lastTop = this.root.scrollTop;
    this.gestureAt = -Infinity;
    this.isFollowing = true;
    this.conversation = this.answer = this.sequence = undefined;
    this.area = this.lastMessage = this.anchor = this.target = null;
    this.isOpening = this.isTouching = false;
    this.pausedUntil = this.glidesUntil = this.heldUntil = 0;
    const listen = (target, names, handler) =>
      names.split(" ").forEach((name) => target.addEventListener(name, handler, { capture: true, passive: true, signal: this.stop.signal }));
    this.stop = new AbortController();
    listen(this.root, "scroll", (event) => event.target === this.root && this.onScroll());
    listen(this.root, "wheel", (event) => event.deltaY < 0 && !event.ctrlKey && this.onUp(event.target));
    listen(this.root, "touchstart touchend touchcancel", (event) => this.setTouching(event.touches.length > 0));
    listen(this.root, "pointerdown", (event) => event.target === this.root && this.setTouching(true));
    listen(window, "pointerup pointercancel", () => this.setTouching(false));
    listen(window, "keydown", (event) => this.onKey(event));
    listen(document, "antler:sent", () => this.followSent());
    listen(document, "click", (event) => event.target.closest?.(".st-key-earlier button") && this.keepFirstMessage());
    this.sizes = new ResizeObserver(() => this.update());
    [this.root, this.block, find("stBottom")].forEach((element) => element && this.sizes.observe(element));
    this.runs = new MutationObserver(() => isRunning() || this.onIdle());
    if (find("stApp")) this.runs.observe(find("stApp"), { attributeFilter: ["data-test-script-state"] });
    button.addEventListener("click", () => this.glideToEnd(), { signal: this.stop.signal });
  }

  close() {
    this.stop.abort();
    this.sizes.disconnect();
    this.runs.disconnect();
    this.content.style.minHeight = "";
    this.root.style.removeProperty("--antler-bottom");
    this.root.scrollTop = 0;
  }

  read(data) {
    const isOpened = data.conversation !== this.conversation;
    const isAsked = data.answer && data.answer !== this.answer;
    const isRequested = data.sequence && data.sequence !== this.sequence;
    Object.assign(this, { conversation: data.conversation, answer: data.answer });
    this.noteMessages();
    if (isRequested) {
      this.sequence = data.sequence;
      this.isFollowing = false;
      this.seek(data.node, data.highlight);
    } else if (isOpened || isAsked) {
      this.target = null;
      // A new chat begins at its top, a conversation is read from its end.
      this.isFollowing = Boolean(isAsked || this.lastMessage);
      if (isOpened) this.moveTo(this.isFollowing ? this.end : 0);
    }
    this.update();
  }

  // A question stands at the end at once, before a run renders it.
  followSent() {
    this.target = this.anchor = null;
    this.isFollowing = true;
    this.pausedUntil = 0;
    this.update();
  }

  // All messages of a run are there. Until the next ones are, the page stays where it is.
  noteMessages() {
    this.isOpening = false;
    this.area = this.findArea();
    this.lastMessage = [...(this.area?.querySelectorAll(MESSAGE) ?? [])].at(-1);
  }

  // The place of the messages; another conversation has another one.
  findArea() { return document.querySelector('[class*="st-key-messages-"]'); }

  get bottomHeight() { return find("stBottom")?.offsetHeight ?? 0; }

  // The position at which the end is in view, without the space that keeps the position.
  get end() {
    const style = getComputedStyle(this.content);
    const height = this.block.offsetHeight + parseFloat(style.paddingTop) + parseFloat(style.paddingBottom);
    return Math.max(0, height + this.bottomHeight - this.root.clientHeight);
  }

  update() {
    // For the margin that keeps what takes the focus above the input. A padding of the page would change what the
    // browser anchors its scrolling to.
    const height = `${this.bottomHeight}px`;
    if (this.root.style.getPropertyValue("--antler-bottom") !== height) this.root.style.setProperty("--antler-bottom", height);
    if (this.findArea() !== this.area || this.lastMessage?.isConnected === false) this.isOpening = isRunning();
    const end = this.end, now = performance.now();
    if (this.isOpening) this.moveTo(this.lastTop);
    else if (this.anchor) this.holdAnchor();
    else if (!this.isFollowing || this.isTouching || now < this.pausedUntil) this.moveTo(this.lastTop);
    else if (now >= this.glidesUntil) this.moveTo(this.followedTop(end));
    this.showButton();
  }

  // The page is never shorter than what is in view, so that it does not jump when content is removed or replaced.
  moveTo(top) {
    const minHeight = top > 0 ? `${top + this.root.clientHeight - this.bottomHeight}px` : "";
    if (this.content.style.minHeight !== minHeight) this.content.style.minHeight = minHeight;
    if (Math.abs(this.root.scrollTop - top) > 0.5) this.root.scrollTop = top;
    this.lastTop = this.root.scrollTop;
  }

  // Where content was removed, what is left comes into view. An answer that arrives fills the space below.
  followedTop(end) {
    const maxSpace = (1 - MIN_VISIBLE_SHARE) * (this.root.clientHeight - this.bottomHeight);
    if (end >= this.lastTop) return end;
    if (this.lastTop - end <= maxSpace) return this.lastTop;
    return this.answer ? Math.floor(end + maxSpace) : end;
  }

  onScroll() {
    const top = this.root.scrollTop, moved = top - this.lastTop;
    if (Math.abs(moved) < 0.5) return;
    // The composer changes its height for a moment, which moves the page without its reader.
    const now = performance.now();
    const isByReader = this.isTouching || now - this.gestureAt < SCROLL_TIME || (moved < -MAX_SHIFT && now >= this.heldUntil);
    if (moved < 0 && this.isFollowing && !isByReader) return this.update();
    this.lastTop = top;
    if (moved < 0 && performance.now() >= this.glidesUntil) this.release();
    else if (moved > 0 && top >= this.end - RESUME_DISTANCE) this.isFollowing = !this.target;
    this.update();
  }

  onUp(element) {
    for (let node = element; node && node !== this.root; node = node.parentElement) if (canScrollUp(node)) return;
    if (this.root.scrollTop > 0) this.release();
  }

  onKey(event) {
    const isTyping = event.target.closest?.("input, textarea, [contenteditable], [role=combobox], [role=listbox], [role=menu]");
    const isUp = UP_KEYS.includes(event.key) || (event.key === " " && event.shiftKey);
    if (isUp && !isTyping && this.root.scrollTop > 0) this.release();
  }

  setTouching(isTouching) {
    if (this.isTouching === isTouching) return;
    this.isTouching = isTouching;
    this.pause();
  }

  release() {
    this.isFollowing = false;
    this.anchor = null;
    this.glidesUntil = 0;
    this.pause();
  }

  // A gesture decides; afterwards a reader who is still at the end follows it.
  pause() {
    this.gestureAt = performance.now();
    this.pausedUntil = this.gestureAt + GESTURE_TIME;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      if (!this.isTouching && !this.target && this.root.scrollTop >= this.end - END_TOLERANCE) this.isFollowing = true;
      this.update();
    }, GESTURE_TIME + 10);
  }

  onIdle() {
    requestAnimationFrame(() => {
      if (isRunning()) return;
      this.noteMessages();
      if (this.anchor) this.endAnchor(this.anchor, performance.now() + EARLIER_TIMEOUT);
      this.update();
    });
  }

  // Once the earlier messages are there: a busy browser renders them long after their run has ended.
  endAnchor(anchor, latest) {
    setTimeout(() => {
      if (this.anchor !== anchor) return;
      if (this.firstKey() === anchor.key && performance.now() < latest) this.endAnchor(anchor, latest);
      else this.anchor = null;
    }, SETTLE_TIME);
  }

  firstKey() {
    const first = this.findArea()?.querySelector(MESSAGE);
    return first && [...first.classList].find((name) => /^st-key-(question|answer)-/.test(name));
  }

  keepFirstMessage() {
    const key = this.firstKey();
    if (key) this.anchor = { key, top: document.querySelector(`.${CSS.escape(key)}`).getBoundingClientRect().top };
  }

  holdAnchor() {
    const message = document.querySelector(`.${CSS.escape(this.anchor.key)}`);
    if (message) this.moveTo(this.root.scrollTop + message.getBoundingClientRect().top - this.anchor.top);
  }

  showButton() {
    const distance = this.lastMessage ? this.end - this.root.scrollTop : 0;
    this.button.hidden = distance < BUTTON_DISTANCE || this.isOpening;
  }

  glideToEnd() {
    const isReduced = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.target = this.anchor = null;
    this.isFollowing = true;
    this.pausedUntil = 0;
    // What is left of a scroll by the wheel before the click moves nothing; a new gesture does.
    this.gestureAt = -Infinity;
    this.heldUntil = performance.now() + SCROLL_TIME;
    if (!isReduced) {
      this.glidesUntil = performance.now() + GLIDE_TIME;
      this.root.scrollTo({ top: this.end, behavior: "smooth" });
      const finish = () => { this.glidesUntil = 0; this.update(); };
      this.root.addEventListener("scrollend", finish, { once: true });
      setTimeout(finish, GLIDE_TIME);
    }
    this.update();
    if (matchMedia("(pointer: fine)").matches) document.querySelector('[data-testid="stChatInputTextArea"]')?.focus({ preventScroll: true });
  }

  // Scroll to a message: wait until it is rendered, keep it in position while the layout changes, and highlight it.
  seek(id, isHighlighted) {
    const target = (this.target = {});
    const startedAt = performance.now();
    let message = null, movedAt = startedAt;
    const cancel = (event) => event.isTrusted && this.target === target && (this.target = null);
    GESTURES.forEach((name) => addEventListener(name, cancel, { capture: true, passive: true, signal: this.stop.signal }));
    const onFrame = (now) => {
      if (this.target !== target) return;
      const rendered = messageOf(id)?.querySelector('[data-testid="stChatMessage"]');
      if (rendered && rendered !== message) {
        message = rendered;
        movedAt = now;
        if (isHighlighted) {
          rendered.dataset.highlight = "";
          setTimeout(() => delete rendered.dataset.highlight, HIGHLIGHT_TIME);
        }
      }
      if (message) {
        const offset = message.getBoundingClientRect().top - this.root.getBoundingClientRect().top - TOP_MARGIN;
        const top = Math.max(0, Math.min(this.end, this.root.scrollTop + offset));
        if (Math.abs(top - this.root.scrollTop) > 2) {
          this.moveTo(top);
          movedAt = now;
        }
      }
      if (message ? now - movedAt < SETTLE_TIME : now - startedAt < RENDER_TIMEOUT) requestAnimationFrame(onFrame);
      else this.target = null;
    };
    requestAnimationFrame(onFrame);
  }
}

function canScrollUp(element) {
  const style = getComputedStyle(element);
  if (!/auto|scroll/.test(style.overflowY)) return false;
  const isFromEnd = style.flexDirection === "column-reverse"; // its position is 0 at the end
  return element.scrollTop + (isFromEnd ? element.scrollHeight - element.clientHeight : 0) > 1;
}

export default function ({ data, parentElement }) {
  const button = parentElement.querySelector("button");
  button.setAttribute("aria-label", data.label);
  button.title = data.label;
  if (page?.button !== button || !page.root.isConnected) {
    page?.close();
    page = new ChatScroll(button);
  }
  page.read(data);
  return () => {
    if (page?.button === button) {
      page.close();
      page = null;
    }
  };
}
