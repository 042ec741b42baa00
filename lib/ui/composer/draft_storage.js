// Storage of drafts in the browser, and of questions until the server has stored them.
//
// Slots; any other is the id of a conversation, but for those of new chats in folders, which begin with "new.".
const NEW_CHAT = "new", TEMPORARY = "temporary";
const isNewChat = (slot) => slot === NEW_CHAT || slot.startsWith(`${NEW_CHAT}.`);
const FILES_PREFIX = "antler.files."; // written by the tray of attached files
const TYPED_PREFIX = "antler.typed."; // written for editors that are open
const DRAFT_PREFIX = "antler.draft.", QUESTION_PREFIX = "antler.question.", TAB_KEY = "antler.tab";
const MAX_SLOTS = 50, MAX_DRAFTS_PER_SLOT = 3, MAX_CHARACTERS = 1000000, MAX_AGE = 30 * 86400000; // ms

// Storage that may be refused or full: then the text is kept in memory.
const createStore = (name) => {
  const memory = new Map();
  const attempt = (action, fallback) => {
    try { return action(window[name]); } catch { return fallback; }
  };
  return {
    get: (key) => memory.get(key) ?? attempt((storage) => storage.getItem(key), null),
    set(key, value) {
      memory.delete(key);
      const isStored = attempt((storage) => (storage.setItem(key, value), true), false);
      if (!isStored) {
        attempt((storage) => storage.removeItem(key));
        memory.set(key, value);
      }
      return isStored;
    },
    remove(key) {
      memory.delete(key);
      attempt((storage) => storage.removeItem(key));
    },
    keys: (prefix) => [...new Set([...memory.keys(), ...attempt((storage) => Object.keys(storage), [])])]
      .filter((key) => key.startsWith(prefix)),
  };
};
const shared = createStore("localStorage"), ofTab = createStore("sessionStorage");
const storeOf = (slot) => (slot === TEMPORARY ? ofTab : shared);

const createKey = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
const parse = (text) => {
  try { return JSON.parse(text); } catch { return null; }
};
const join = (first, second) =>
  !first.trim() || first === second ? second || first : !second.trim() ? first : `${first}\n\n${second}`;
// Dictated text goes on in the line; languages without spaces get none.
const joinLine = (first, second) => {
  const isOpen = !first || /[\s\u3000-\u30ff\u3400-\u9fff\uff00-\uffef]$/.test(first);
  return isOpen ? first + second : `${first} ${second}`;
};

// Only a reload: a duplicated tab starts with a copy of the storage of the original.
const isReload = performance.getEntriesByType("navigation")[0]?.type === "reload";
const tab = (isReload && ofTab.get(TAB_KEY)) || createKey();
ofTab.set(TAB_KEY, tab);

// Drafts: each tab has its own, and a new tab continues the last one of another. No tab overwrites what another one
// has typed, so that several are shared in a slot.
const draftKey = (user, slot) => `${DRAFT_PREFIX}${user}.${slot}`;
const isDraft = (draft) => typeof draft?.text === "string" && draft.at > Date.now() - MAX_AGE;
const listDrafts = (store, key) => [parse(store.get(key))].flat().filter(isDraft);
if (!isReload) ofTab.keys(DRAFT_PREFIX).filter((key) => !key.endsWith(`.${TEMPORARY}`)).forEach(ofTab.remove);

const readDraft = (user, slot) => {
  const key = draftKey(user, slot), own = listDrafts(ofTab, key).at(-1);
  return (own ?? (slot === TEMPORARY ? null : listDrafts(shared, key).at(-1)))?.text ?? "";
};

const pruneDrafts = (store, kept) => {
  const slots = store.keys(DRAFT_PREFIX).map((key) => {
    const at = listDrafts(store, key).at(-1)?.at ?? 0;
    return { key, at: key === kept ? Infinity : at, size: store.get(key)?.length ?? 0 };
  });
  slots.sort((one, other) => other.at - one.at);
  let size = 0;
  slots.forEach((slot, index) => {
    size += slot.size;
    if (slot.key !== kept && (!slot.at || index >= MAX_SLOTS || size > MAX_CHARACTERS)) store.remove(slot.key);
  });
};

// `previous` is the text that `text` replaces, which may have been adopted from another tab.
const writeDraft = (user, slot, text, previous) => {
  const key = draftKey(user, slot);
  for (const store of slot === TEMPORARY ? [ofTab] : [ofTab, shared]) {
    const drafts = listDrafts(store, key).filter((draft) => draft.tab !== tab && draft.text !== previous);
    if (text.trim()) drafts.push({ tab, text, at: Date.now() });
    const value = JSON.stringify(drafts.slice(-MAX_DRAFTS_PER_SLOT));
    if (!drafts.length) store.remove(key);
    else if (!store.set(key, value)) {
      pruneDrafts(store, key);
      store.set(key, value);
    }
  }
};

const addToDraft = (user, slot, text) => writeDraft(user, slot, join(text, readDraft(user, slot)), readDraft(user, slot));
