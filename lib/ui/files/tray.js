// The trays of the page: their chips, the files that the browser keeps of them, and what it drops and pastes into them.
const FILES_PREFIX = "antler.files."; // in the storage of the browser, with user and slot
const MAX_AGE = 86400000; // ms, after which the server has deleted an upload that was not sent
const TEMPORARY_SLOT = "temporary";

const inStorage = (action) => {
  for (const name of ["sessionStorage", "localStorage"]) try { action(window[name], name === "sessionStorage"); } catch { /* refused or full */ }
};
const parseFiles = (text) => {
  try {
    const { at, files } = JSON.parse(text);
    return Date.now() - at < MAX_AGE && Array.isArray(files) ? files : [];
  } catch { return []; }
};
const storageKey = ({ user, slot }) => `${FILES_PREFIX}${user}.${slot}`;
const isKept = ({ user, slot }) => Boolean(user) && slot !== TEMPORARY_SLOT;

// Those of this tab come first.
const readFiles = (data) => {
  const found = [];
  if (isKept(data)) inStorage((storage) => found.push(...parseFiles(found.length ? null : storage.getItem(storageKey(data)))));
  return found;
};
const writeFiles = (data, files) => {
  if (!isKept(data)) return;
  inStorage((storage) => {
    if (files.length) storage.setItem(storageKey(data), JSON.stringify({ at: Date.now(), files }));
    else storage.removeItem(storageKey(data));
  });
};
inStorage((storage) => {
  for (const key of Object.keys(storage))
    if (key.startsWith(FILES_PREFIX) && !parseFiles(storage.getItem(key)).length) storage.removeItem(key);
});

const listReferences = (tray) => tray.data.files.filter((file) => isShown(tray, file) && file.reference).map((file) => file.reference);
const isShown = (tray, file) => !tray.removed.has(file.id) && !tray.sent.has(file.reference?.digest);

const listChips = (tray) => {
  const { texts, files } = tray.data, sending = isSending(tray);
  const uploads = [...tray.fed, ...tray.waiting].filter(({ isCancelled }) => !isCancelled);
  const reading = uploads.map(({ id, file: { name } }) => {
    const chip = { id, name, shortName: name, icon: "progress_activity", about: texts.reading, isReading: true };
    return sending ? { ...chip, sending: texts.upload.replace("{name}", name), remove: texts.cancel.replace("{name}", name) } : chip;
  });
  const failures = tray.failures.map(({ id, name }) =>
    ({ id, name, shortName: name, icon: "error", remove: texts.failed.replace("{name}", name), error: texts.failed.replace("{name}", name) }));
  return [...files.filter((file) => isShown(tray, file)), ...reading, ...failures];
};

const focusInput = () => document.querySelector('[data-testid="stChatInputTextArea"]')?.focus({ preventScroll: true });
const draw = (tray) => {
  if (!tray.root?.isConnected) return;
  const { texts } = tray.data;
  const act = {
    remove: (file) => {
      if (file.isReading) cancelUpload(tray, file.id);
      else if (tray.failures.some(({ id }) => id === file.id)) tray.failures = tray.failures.filter(({ id }) => id !== file.id);
      else {
        tray.removed.add(file.id);
        tray.trigger("removed", [...tray.removed]);
      }
      keep(tray);
      draw(tray);
    },
    openPages: (file) => { tray.pages = { id: file.id, value: file.choice }; draw(tray); tray.root.querySelector("form input")?.focus(); },
    closePages: () => { tray.pages = null; draw(tray); },
    pages: (file, choice) => { tray.pages = null; tray.trigger("pages", [file.id, choice]); draw(tray); },
    leave: focusInput,
  };
  drawChips(tray.root, listChips(tray), tray.data.notices, tray.pages, texts, act);
  drawProgress(tray);
  drawSendButton(tray);
  drawOffer(tray);
  tray.root.hidden = !tray.root.querySelector("li, p");
};

// Files are a question of their own, and the button of an empty input is disabled.
const drawSendButton = (tray) => {
  const hasFiles = tray.data.place === "composer" && listReferences(tray).length > 0;
  const button = tray.root.querySelector(".antler-send-files");
  if (!hasFiles) button?.remove();
  else if (!button)
    tray.root.append(createButton("antler-send-files", tray.data.texts.send, createIcon("arrow_upward"), () =>
      document.dispatchEvent(new CustomEvent("antler:submit"))));
};

const listKept = (tray) => tray.data.files.filter((file) => isShown(tray, file)).flatMap((file) => file.reference ?? file.kept ?? []);
const keep = (tray) => { if (tray.data.isKnown) writeFiles(tray.data, listKept(tray)); };

const sendWaiting = (tray) => {
  const { send } = tray;
  if (!send || isBusy(tray)) return;
  tray.send = null;
  // With a file that was refused, it is for the user to decide.
  if (tray.data.slot === tray.sendSlot && !listChips(tray).some((chip) => chip.error)) send();
};

const updateTray = (tray, next) => {
  const previous = tray.data;
  Object.assign(tray, next);
  const { data } = tray, listed = new Set(data.files.map(({ id }) => id)), digests = new Set(data.files.map((file) => file.reference?.digest));
  for (const id of tray.removed) if (!listed.has(id)) tray.removed.delete(id);
  for (const digest of tray.sent) if (!digests.has(digest)) tray.sent.delete(digest);
  if (previous && previous.session !== data.session) feedAgain(tray);
  else if (tray.fed.length && data.count > tray.fedCount) endBatch(tray);
  else if (tray.fed.length && !tray.isMounted) feedAgain(tray);
  tray.isMounted = true;
  if (previous?.slot !== data.slot) tray.restored = "";
  const kept = data.isKnown ? [] : readFiles(data), source = `${data.session} ${data.slot}`;
  tray.isRestoring = kept.length > 0;
  if (kept.length && tray.restored !== source) {
    tray.restored = source;
    tray.trigger("restored", [data.slot, kept]);
  }
  keep(tray);
  draw(tray);
  if (isUploading(tray)) watch(tray);
  sendWaiting(tray);
};

const say = (text) => document.dispatchEvent(new CustomEvent("antler:announce", { detail: { text, isShown: true } }));
const waits = (tray, slot, send) => {
  // The draft of another chat may be shown a moment earlier than its files.
  if (!tray || (tray.data.slot === slot && !isBusy(tray))) return false;
  Object.assign(tray, { send, sendSlot: slot });
  if (isUploading(tray) || hasJobs(tray)) say(tray.data.texts.waiting);
  return true;
};

// For the message input: its files belong to its draft.
const composerTray = () => trays.get("composer");
const composerFiles = {
  hasFiles: () => Boolean(composerTray() && listReferences(composerTray()).length),
  // Calls `send` once all files are read; false if they are.
  waits: (slot, send) => waits(composerTray(), slot, send),
  take: () => {
    const tray = composerTray();
    if (!tray) return [];
    const taken = listReferences(tray);
    endOffer(tray);
    for (const { digest } of taken) tray.sent.add(digest);
    keep(tray);
    draw(tray);
    return taken;
  },
  giveBack: (user, slot, files) => {
    const tray = composerTray(), isOpen = tray?.data.slot === slot && tray.data.user === user;
    if (!files?.length) return;
    for (const { digest } of files) tray?.sent.delete(digest);
    const present = new Set((isOpen ? listReferences(tray) : readFiles({ user, slot })).map(({ digest }) => digest));
    const missing = files.filter(({ digest }) => !present.has(digest));
    if (!isOpen) return writeFiles({ user, slot }, [...readFiles({ user, slot }), ...missing]);
    if (missing.length) tray.trigger("restored", [slot, missing]);
    keep(tray);
    draw(tray);
  },
};

const takeEvent = (event) => { event.preventDefault(); event.stopImmediatePropagation(); };
let picker = null;
const onAttachClick = (event) => {
  const button = event.target.closest?.(ATTACH), place = button && placeOf(button, "st-key-attach-");
  if (!trays.has(place)) return;
  takeEvent(event);
  // Not the uploader's own input: the page may replace that while the system's dialog is open.
  picker?.remove();
  picker = Object.assign(document.createElement("input"), { type: "file", multiple: true, hidden: true });
  picker.addEventListener("change", () => takePicked(place, [...picker.files]));
  document.body.append(picker);
  picker.click();
};
const takePicked = (place, files) => {
  addFiles(place, files);
  // What is typed next is the question. A keyboard that covers the page is left to the user.
  if (place === "composer" && !matchMedia("(hover: none) and (pointer: coarse)").matches) focusInput();
};
const onPaste = (event) => {
  const place = placeOfField(event.target), files = trays.has(place) ? pastedFiles(event.clipboardData) : [];
  if (!files.length && place === "composer") offerPage(trays.get(place), event.clipboardData.getData("text/plain"));
  if (!files.length) return;
  takeEvent(event);
  addFiles(place, files);
};

// An edited question waits for its files, too.
const waitsForEdit = (form) => {
  const button = form?.querySelector('[class*="st-key-send-edit-"] button'), tray = button && trays.get(`edit-${placeOf(button, "st-key-send-edit-")}`);
  return Boolean(tray) && waits(tray, tray.data.slot, () => button.isConnected && button.click());
};
const onSendEdit = (event) => {
  const start = event.target.closest?.(".st-key-compare-start button"), tray = start && trays.get("compare");
  if (tray && waits(tray, tray.data.slot, () => start.isConnected && start.click())) return takeEvent(event);
  const button = event.target.closest?.('[class*="st-key-send-edit-"] button');
  if (button && waitsForEdit(button.closest('[data-testid="stForm"]'))) takeEvent(event);
};
const onKeyDown = (event) => {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  if (waitsForEdit(event.target.closest?.('[data-testid="stForm"]'))) takeEvent(event);
};

// Drop: anywhere on the page, into the form of an edited question where the pointer is over that.
let overlay = null;
const hideOverlay = () => { overlay?.remove(); overlay = null; };
const pagePlace = () => PAGE_PLACES.find((place) => trays.get(place)?.root?.isConnected);
const hasFiles = (event) => pagePlace() && event.dataTransfer?.types.includes("Files");
const onDrag = (event) => {
  if (!hasFiles(event)) return;
  takeEvent(event);
  event.dataTransfer.dropEffect = "copy";
  if (overlay?.isConnected) return;
  overlay = create("div", "antler-drop");
  overlay.append(createIcon("upload_file"), create("p", "", trays.get(pagePlace()).data.texts.drop));
  document.body.append(overlay);
};
const onDrop = (event) => {
  hideOverlay();
  if (!hasFiles(event)) return;
  takeEvent(event);
  const { files, hasFolder } = droppedFiles(event.dataTransfer), place = placeOfField(event.target) || pagePlace();
  const target = trays.has(place) ? place : pagePlace();
  addFiles(target, files);
  if (hasFolder) say(trays.get(target).data.texts.folder);
};
// The last event of a drag that leaves the window has nothing that it enters.
const onDragLeave = (event) => { if (!event.relatedTarget) hideOverlay(); };

for (const [name, listener] of [
  ["click", onAttachClick], ["click", onSendEdit], ["keydown", onKeyDown], ["paste", onPaste],
  ["dragenter", onDrag], ["dragover", onDrag], ["drop", onDrop], ["dragleave", onDragLeave],
]) window.addEventListener(name, listener, { capture: true });

export default function ({ data, parentElement, setTriggerValue }) {
  // While the page loads, Streamlit renders the component several times, and calls this in any order afterwards.
  if (!parentElement.isConnected) return undefined;
  const tray = trays.get(data.place) ?? { waiting: [], fed: [], fedCount: 0, failed: [], failures: [], removed: new Set(), sent: new Set(), timer: 0, attempts: 0, idleSince: 0 };
  trays.set(data.place, tray);
  updateTray(tray, { data, root: parentElement.querySelector(".antler-tray"), trigger: setTriggerValue });
  // Not before the tray is there: a question waits for it.
  if (data.place === "composer") window.antlerTray = composerFiles;
  if (data.place === "composer") document.dispatchEvent(new CustomEvent("antler:tray"));
  return () => {
    // Streamlit also ends a call that a later one has replaced.
    if (tray.root.isConnected) return;
    tray.isMounted = false;
    if (data.place !== "composer") trays.delete(data.place);
  };
}
