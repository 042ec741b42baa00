// The list of prompts above the chat input: "/" in the empty input opens it, words filter it, the keyboard or a click
// chooses. The text stays as it is where nothing matches, and after Escape. An empty library has one entry, which leads
// to its page.
const INPUT = '[data-testid="stChatInputTextArea"]';
const LIST_ID = "prompt-menu-list", MAX_SHOWN = 100, MIN_LOOSE_LETTERS = 3, GAP = 8;
const LIBRARY_LINK = '.st-key-sidebar-links a[href*="prompts"]';
const INPUT_METHOD_KEY = 229; // the key code of a key that an input method has handled
let prompts = [], texts = {}, choose = () => {}, host = null;
let isListening = false; // Streamlit may call the function below several times
let input = null, isArmed = false, matches = [], active = -1;

const fold = (text) => (text ?? "").normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

// True if the letters of `word` are in one word of `name` in their order, the first one at its start.
const matchesLoosely = (name, word) =>
  word.length >= MIN_LOOSE_LETTERS &&
  name.split(/\s+/).some((part) => {
    if (part[0] !== word[0]) return false;
    let place = 0;
    for (const letter of part) if (letter === word[place]) place += 1;
    return place === word.length;
  });

// Lower is better; null for no match. 3 is a guess, which Enter does not take.
const rank = (prompt, words) => {
  if (words.every((word) => prompt.foldedName.includes(word)))
    return words.length && !prompt.foldedName.startsWith(words[0]) ? 1 : 0;
  if (words.every((word) => prompt.foldedName.includes(word) || prompt.foldedDescription.includes(word))) return 2;
  return words.every((word) => prompt.foldedName.includes(word) || matchesLoosely(prompt.foldedName, word)) ? 3 : null;
};

const find = (query) => {
  if (/[/\n]/.test(query)) return [];
  if (!prompts.length) return query ? [] : [[3, { name: texts.none, description: texts.create }]];
  const words = fold(query).split(/\s+/).filter(Boolean);
  const ranked = prompts.map((prompt) => [rank(prompt, words), prompt]).filter(([place]) => place !== null);
  return ranked.sort(([one], [other]) => one - other).slice(0, MAX_SHOWN);
};

const element = (tag, className, text = "") => {
  const created = document.createElement(tag);
  created.className = className;
  created.textContent = text;
  return created;
};

const buildOption = (prompt, index) => {
  const option = element("div", "prompt-menu-option");
  option.id = `${LIST_ID}-${index}`;
  option.setAttribute("role", "option");
  if (prompt.avatar) {
    const badge = element("span", "prompt-menu-avatar", prompt.avatar);
    if (prompt.colour) badge.style.background = prompt.colour;
    badge.setAttribute("aria-hidden", "true");
    option.append(badge);
  }
  option.append(element("span", "prompt-menu-name", prompt.name), element("span", "prompt-menu-description", prompt.description));
  const notes = [prompt.avatar && texts.persona, prompt.is_team && texts.team].filter(Boolean);
  if (notes.length) option.append(element("span", "prompt-menu-note", notes.join(" · ")));
  option.addEventListener("click", () => take(index));
  option.addEventListener("pointermove", () => setActive(index));
  return option;
};

const setActive = (index) => {
  const list = document.getElementById(LIST_ID);
  if (!list || index === active) return;
  list.children[active]?.setAttribute("aria-selected", "false");
  active = index;
  const option = list.children[index];
  option?.setAttribute("aria-selected", "true");
  option?.scrollIntoView({ block: "nearest" });
  if (option) input.setAttribute("aria-activedescendant", option.id);
  else input.removeAttribute("aria-activedescendant");
};

const place = (list) => {
  const box = (input.closest('[data-testid="stChatInput"]') ?? input).getBoundingClientRect();
  Object.assign(list.style, {
    left: `${box.left}px`,
    width: `${box.width}px`,
    bottom: `${innerHeight - box.top + GAP}px`,
    maxHeight: `${Math.max(96, Math.min(box.top - 2 * GAP, 352))}px`,
  });
};

const close = () => {
  document.getElementById(LIST_ID)?.remove();
  matches = [];
  active = -1;
  if (host) host.querySelector('[role="status"]').textContent = "";
  ["aria-activedescendant", "aria-controls", "aria-autocomplete", "aria-haspopup"].forEach((name) => input?.removeAttribute(name));
};

const open = (found) => {
  let list = document.getElementById(LIST_ID);
  if (!list) {
    list = element("div", "prompt-menu-list");
    list.id = LIST_ID;
    list.setAttribute("role", "listbox");
    list.setAttribute("aria-label", texts.label);
    // The input keeps the focus, and a phone its keyboard.
    list.addEventListener("pointerdown", (event) => event.preventDefault());
    list.addEventListener("mousedown", (event) => event.preventDefault());
    host.append(list);
  }
  matches = found.map(([, prompt]) => prompt);
  list.replaceChildren(...matches.map(buildOption));
  place(list);
  const attributes = { "aria-controls": LIST_ID, "aria-autocomplete": "list", "aria-haspopup": "listbox" };
  Object.entries(attributes).forEach(([name, value]) => input.setAttribute(name, value));
  host.querySelector('[role="status"]').textContent = (texts.count ?? "").replace("{count}", prompts.length && matches.length);
  active = -1;
  setActive(found[0][0] < 3 ? 0 : -1);
};

const update = () => {
  if (!input?.isConnected) return close();
  const value = input.value;
  if (value === "/") isArmed = true;
  else if (!value.startsWith("/")) isArmed = false;
  const found = isArmed && host?.isConnected && document.activeElement === input ? find(value.slice(1)) : [];
  if (found.length) open(found);
  else close();
};

const setText = (text) => {
  Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set.call(input, text);
  input.dispatchEvent(new Event("input", { bubbles: true }));
};

const take = (index) => {
  const prompt = matches[index];
  isArmed = false;
  close();
  setText("");
  if (prompt?.id) choose(prompt.id);
  else if (prompt) document.querySelector(LIBRARY_LINK)?.click();
};

const onKey = (event) => {
  if (event.isComposing || event.keyCode === INPUT_METHOD_KEY) return;
  if (!matches.length || event.target !== input || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    const step = event.key === "ArrowDown" ? 1 : -1;
    setActive(active < 0 && step < 0 ? matches.length - 1 : (active + step + matches.length) % matches.length);
  } else if (event.key === "Escape") {
    isArmed = false;
    close();
  } else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && active >= 0) {
    take(active);
  } else {
    if (event.key === "Enter") close();
    return;
  }
  event.preventDefault();
  event.stopImmediatePropagation();
};

const onInput = (event) => {
  if (!event.target.matches?.(INPUT)) return;
  input = event.target;
  update();
};

export default function ({ data, parentElement, setTriggerValue }) {
  prompts = data.prompts.map((prompt) => ({
    ...prompt,
    foldedName: fold(prompt.name),
    foldedDescription: fold(prompt.description),
  }));
  texts = data.texts;
  choose = (id) => setTriggerValue("chosen", id);
  host = parentElement.querySelector(".prompt-menu") ?? element("div", "prompt-menu");
  if (!host.isConnected) {
    const status = element("div", "prompt-menu-status");
    status.setAttribute("role", "status");
    host.append(status);
    parentElement.append(host);
  }
  if (isListening) return;
  isListening = true;
  addEventListener("keydown", onKey, { capture: true });
  addEventListener("input", onInput, { capture: true });
  addEventListener("focusin", (event) => event.target.matches?.(INPUT) && onInput(event));
  addEventListener("focusout", (event) => event.target === input && close());
  addEventListener("resize", update);
}
