// On a phone, the list goes out of the way of what was opened in it. Where a message is looked for, the page
// scrolls to it as soon as it is there, holds it while the page settles, and marks it.
const PATIENCE = 15000, SETTLED = 1200, MARKED = 2600, MARGIN = 72;
const GESTURES = ["wheel", "touchstart", "pointerdown", "keydown"];

const NARROW = 768; // as wide as that, Streamlit lays the sidebar over the page

export default function ({ data }) {
  if (innerWidth <= NARROW)
    document.querySelector('[data-testid="stSidebar"][data-collapsed="false"] [data-testid="stSidebarCollapseButton"] button')?.click();
  if (!data.node) return;
  const id = CSS.escape(data.node);
  const start = performance.now();
  let over = false, found = null, moved = 0;

  // Whoever scrolls meanwhile knows better.
  const leave = (event) => { over = over || event.isTrusted; };
  GESTURES.forEach((name) => addEventListener(name, leave, { capture: true, passive: true }));

  const hold = (now) => {
    const root = found.closest('[data-testid="stAppScrollToBottomContainer"], [data-testid="stMain"]');
    if (!root) return;
    const off = found.getBoundingClientRect().top - root.getBoundingClientRect().top - MARGIN;
    const most = root.scrollHeight - root.clientHeight;
    const wanted = Math.max(0, Math.min(most, root.scrollTop + off));
    if (Math.abs(wanted - root.scrollTop) > 2) {
      // Streamlit pulls the page to its end, until somebody turns the wheel.
      root.dispatchEvent(new Event("wheel"));
      root.scrollTop = wanted;
      moved = now;
    }
  };

  const look = (now) => {
    if (over) return;
    const there = document.querySelector(`:is(.st-key-asked-${id}, .st-key-answer-${id}) [data-testid="stChatMessage"]`);
    if (there && there !== found) {
      found = there;
      if (data.mark) {
        found.dataset.found = "";
        setTimeout(() => delete there.dataset.found, MARKED);
      }
      moved = now;
    }
    if (found) hold(now);
    if (found ? now - moved < SETTLED : now - start < PATIENCE) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);

  return () => {
    over = true;
    GESTURES.forEach((name) => removeEventListener(name, leave, { capture: true }));
  };
}
