// Files on their way to an uploader of Streamlit's. Whether picked, dropped or pasted, they go through its input, one
// batch after the other: the page replaces the uploader after each, and what was added meanwhile would be lost.
const WATCH_INTERVAL = 200, FEED_AGAIN_AFTER = 3000; // ms, of an idle page that has not taken a batch
const MAX_ATTEMPTS = 3;
const UPLOADER = '[class*="st-key-uploader-"]', ATTACH = '[class*="st-key-attach-"] button';
const PAGE_PLACES = ["composer", "compare"]; // of which a page has one
const FILE_INPUT = 'input[type="file"]';
const ERROR_CHIP = '[data-testid="stFileChip"]:has([data-testid="stFileChipIconError"])';

const trays = new Map(); // by the place of their uploader

const keyEnd = (element, prefix) =>
  [...(element?.classList ?? [])].find((name) => name.startsWith(prefix))?.slice(prefix.length) ?? "";
const placeOf = (element, prefix) => keyEnd(element.closest(`[class*="${prefix}"]`), prefix);
const uploaderOf = (tray) => document.querySelector(`.st-key-upload-${tray.data.place}-${tray.data.count}`);
const isUploading = (tray) => Boolean(tray.waiting.length || tray.fed.length);
// The server still fetches or transcribes some.
const hasJobs = (tray) => tray.data.files.some(({ id, isReading }) => isReading && !tray.removed.has(id));
// Files of before a reload come back from the server first.
const isBusy = (tray) => isUploading(tray) || hasJobs(tray) || tray.isRestoring;

const watch = (tray) => { tray.timer ||= setInterval(() => look(tray), WATCH_INTERVAL); };
const look = (tray) => {
  endCancelled(tray);
  feed(tray);
  if (!isUploading(tray) || !tray.root?.isConnected) {
    clearInterval(tray.timer);
    tray.timer = 0;
    return;
  }
  const failed = [...(uploaderOf(tray)?.querySelectorAll(ERROR_CHIP) ?? [])].slice(tray.oldFailures);
  tray.failed = failed.map(nameOfUpload);
  // Without any file that was uploaded, the page hears nothing of the batch.
  if (tray.fed.length && failed.length >= tray.fed.length) endBatch(tray);
  else if (isLost(tray)) {
    tray.attempts += 1;
    if (tray.attempts < MAX_ATTEMPTS) return feedAgain(tray);
    tray.failed = tray.fed.map(({ file }) => file.name);
    endBatch(tray);
  }
};

// A click can end the run that takes a batch, or replace the uploader under it. Files that come twice are attached once.
const isLost = (tray) => {
  const app = document.querySelector('[data-testid="stApp"]')?.dataset ?? {};
  const isIdle = app.testConnectionState === "CONNECTED" && app.testScriptState === "notRunning";
  if (!isIdle || !tray.fed.length || uploaderOf(tray)?.querySelector('[data-testid="stFileChipIconSpinner"]')) tray.idleSince = 0;
  else tray.idleSince ||= Date.now();
  if (!tray.idleSince || Date.now() - tray.idleSince < FEED_AGAIN_AFTER) return false;
  tray.idleSince = 0;
  return true;
};

const feed = (tray) => {
  const uploader = tray.root?.isConnected ? uploaderOf(tray) : null, input = uploader?.querySelector(FILE_INPUT);
  if (tray.fed.length || !tray.waiting.length || !input) return;
  const batch = new DataTransfer();
  tray.fed = tray.waiting.splice(0);
  tray.fedCount = tray.data.count;
  tray.oldFailures = uploader.querySelectorAll(ERROR_CHIP).length;
  for (const { file } of tray.fed) batch.items.add(file);
  input.files = batch.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
};

const endBatch = (tray) => {
  tray.fed = [];
  tray.attempts = 0;
  tray.failures.push(...tray.failed.map((name) => ({ id: createId(), name })));
  tray.failed = [];
  draw(tray);
  feed(tray);
};

// What an uploader held when it or its session went away goes to the next one.
const feedAgain = (tray) => {
  const again = tray.fed.splice(0).filter(({ isCancelled }) => !isCancelled);
  tray.waiting.unshift(...again.map(({ id, file }) => ({ id, file })));
  watch(tray);
};

let lastId = 0;
const createId = () => `local-${(lastId += 1)}`;

const addFiles = (place, files) => {
  const tray = trays.get(place);
  if (!tray || !files.length) return;
  const isTooLarge = ({ size }) => size > tray.data.maxBytes;
  const refused = files.filter(isTooLarge).map(({ name, size }) => [name, size]);
  if (refused.length) tray.trigger("refused", refused);
  tray.failures = [];
  tray.waiting.push(...files.filter((file) => !isTooLarge(file)).map((file) => ({ id: createId(), file })));
  watch(tray);
  feed(tray);
  draw(tray);
};

// Files of a drop without folders, which a browser cannot upload, and if there were any.
const droppedFiles = ({ items, files }) => {
  const isFolder = [...items].filter(({ kind }) => kind === "file").map((item) => item.webkitGetAsEntry?.()?.isDirectory ?? false);
  return { files: [...files].filter((_, index) => !isFolder[index]), hasFolder: isFolder.includes(true) };
};

// A picture in the clipboard has no name of its own.
const namePasted = (file, index) => {
  if (!/^image\.\w+$/.test(file.name)) return file;
  const time = new Date().toLocaleTimeString("sv").replaceAll(":", "."), number = index ? ` ${index + 1}` : "";
  const name = `${trays.get("composer")?.data.texts.pasted ?? "image"} ${time}${number}.${file.name.split(".").at(-1)}`;
  return new File([file], name, { type: file.type });
};

// A copy from Word, Excel or a page has a picture beside its text; a copied file may have its own name as text.
const pastedFiles = (clipboard) => {
  const files = [...clipboard.files], text = clipboard.getData("text/plain").trim();
  const names = files.map(({ name }) => name);
  return text && !text.split(/\r?\n/).every((line) => names.includes(line.split("/").at(-1))) ? [] : files.map(namePasted);
};

// The place of the input or of the edited question that an element belongs to; "" for another part of the page.
const placeOfField = (element) => {
  if (element?.closest?.('[data-testid="stChatInput"]')) return "composer";
  if (element?.closest?.(".st-key-compare-prompt")) return "compare";
  const form = element?.closest?.('[class*="st-key-question-"], [class*="st-key-from-"], [class*="st-key-queued-"]');
  const uploader = form?.querySelector(UPLOADER);
  return uploader ? placeOf(uploader, "st-key-uploader-") : "";
};
