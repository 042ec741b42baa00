// A question that is sent before the script of the message input is ready: it waits for that script, which sends it with
// an idempotency key. Without it, the question returns to the input, where Streamlit sends what is sent next.
(() => {
  const BOX = '[data-testid="stChatInputTextArea"]', SEND_BUTTON = '[data-testid="stChatInputSubmitButton"]';
  const WAIT = 15000; // ms
  const setNativeValue = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set;
  const held = { texts: [], isReady: () => false, isGivenUp: false };
  window.antlerHeld = held;

  const setText = (box, text) => {
    setNativeValue.call(box, text);
    box.dispatchEvent(new Event("input", { bubbles: true }));
  };
  const giveBack = () => {
    const box = document.querySelector(BOX);
    if (!held.texts.length || !box) return;
    held.isGivenUp = true;
    setText(box, [...held.texts.splice(0), box.value].filter((text) => text.trim()).join("\n\n"));
  };
  const hold = (event, box) => {
    if (!box?.value.trim() || held.isGivenUp || held.isReady(box)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    held.texts.push(box.value);
    setText(box, "");
    setTimeout(giveBack, WAIT);
  };
  addEventListener("keydown", (event) => {
    const isEnter = event.key === "Enter" && !event.isComposing && event.keyCode !== 229;
    if (!isEnter || event.shiftKey || event.ctrlKey || event.metaKey || !event.target.matches?.(BOX)) return;
    hold(event, event.target);
  }, { capture: true });
  addEventListener("click", (event) => {
    if (!event.target.closest?.(SEND_BUTTON)) return;
    hold(event, event.target.closest('[data-testid="stChatInput"]')?.querySelector(BOX));
  }, { capture: true });
})();
