// Close the sidebar on phones, and scroll the page to a message: wait until it is rendered, keep it in position
// while the layout changes, and highlight it.
const RENDER_TIMEOUT = 15000, SETTLE_TIME = 1200, HIGHLIGHT_TIME = 2600, TOP_MARGIN = 72; // ms, px
const GESTURES = ["wheel", "touchstart", "pointerdown", "keydown"];
const MAX_PHONE_WIDTH = 768; // up to this width, Streamlit lays the sidebar over the page

export default function ({ data }) {
  if (innerWidth <= MAX_PHONE_WIDTH)
    document.querySelector('[data-testid="stSidebar"][data-collapsed="false"] [data-testid="stSidebarCollapseButton"] button')?.click();
  if (!data.node) return;
  const id = CSS.escape(data.node);
  const startedAt = performance.now();
  let isCancelled = false, message = null, movedAt = 0;

  // The user's own scrolling wins.
  const cancel = (event) => { isCancelled = isCancelled || event.isTrusted; };
  GESTURES.forEach((name) => addEventListener(name, cancel, { capture: true, passive: true }));

  const keepInPosition = (now) => {
    const root = message.closest('[data-testid="stAppScrollToBottomContainer"], [data-testid="stMain"]');
    if (!root) return;
    const offset = message.getBoundingClientRect().top - root.getBoundingClientRect().top - TOP_MARGIN;
    const maxScrollTop = root.scrollHeight - root.clientHeight;
    const scrollTop = Math.max(0, Math.min(maxScrollTop, root.scrollTop + offset));
    if (Math.abs(scrollTop - root.scrollTop) > 2) {
      // Streamlit scrolls to the end until the user turns the wheel.
      root.dispatchEvent(new Event("wheel"));
      root.scrollTop = scrollTop;
      movedAt = now;
    }
  };

  const onFrame = (now) => {
    if (isCancelled) return;
    const rendered = document.querySelector(`:is(.st-key-question-${id}, .st-key-answer-${id}) [data-testid="stChatMessage"]`);
    if (rendered && rendered !== message) {
      message = rendered;
      if (data.highlight) {
        message.dataset.highlight = "";
        setTimeout(() => delete rendered.dataset.highlight, HIGHLIGHT_TIME);
      }
      movedAt = now;
    }
    if (message) keepInPosition(now);
    if (message ? now - movedAt < SETTLE_TIME : now - startedAt < RENDER_TIMEOUT) requestAnimationFrame(onFrame);
  };
  requestAnimationFrame(onFrame);

  return () => {
    isCancelled = true;
    GESTURES.forEach((name) => removeEventListener(name, cancel, { capture: true }));
  };
}
