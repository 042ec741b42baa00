// How far each upload of a tray is, and its end by the user. The page sends every file by a request of its own, of which
// Streamlit shows neither: the requests are followed here, and Cancel presses the button of Streamlit's hidden uploader.
const SPOKEN_STEP = 10; // percent between two values for a screen reader
const UPLOAD_CHIP = '[data-testid="stFileChip"]:not(:has([data-testid="stFileChipIconError"]))';
const CHIP_NAME = '[data-testid="stFileChipName"]', CANCEL_BUTTON = '[data-testid="stFileChipDeleteBtn"] button';

// The page shortens the name that it shows.
const nameOfUpload = (chip) => {
  const name = chip.querySelector(CHIP_NAME);
  return name?.title || name?.textContent || "";
};

// A batch is sent from its first bytes until all of its files are at the server. Most are there at once.
const isSending = (tray) => tray.fed.some(({ share }) => share > 0 && share < 1);
const percentOf = ({ share = 0 }) => Math.floor(share * 100);

// Without a new chip: its button keeps the focus.
const drawProgress = (tray) => {
  if (!tray.root?.isConnected || !isSending(tray)) return;
  for (const upload of [...tray.fed, ...tray.waiting]) {
    const chip = tray.root.querySelector(`[data-id="${upload.id}"]`), bar = chip?.querySelector('[role="progressbar"]');
    if (!bar) continue;
    const percent = percentOf(upload);
    bar.style.setProperty("--percent", `${percent}%`);
    bar.setAttribute("aria-valuenow", String(percent - (percent % SPOKEN_STEP)));
    chip.querySelector(".antler-chip-about").textContent = tray.data.texts.sending.replace("{percent}", percent);
  }
};

const isSameFile = (one, other) => one.name === other.name && one.size === other.size && one.lastModified === other.lastModified;
const findUpload = (file) => {
  for (const tray of trays.values()) {
    const upload = tray.fed.find((entry) => entry.share === undefined && isSameFile(entry.file, file));
    if (upload) return { tray, upload };
  }
  return null;
};

const followRequest = (request, { tray, upload }) => {
  upload.share = 0;
  const follow = ({ loaded, total }) => {
    if (!tray.fed.includes(upload) || !total) return;
    const wasSending = isSending(tray);
    upload.share = loaded / total;
    if (wasSending !== isSending(tray)) draw(tray);
    drawProgress(tray);
  };
  request.upload.addEventListener("progress", follow);
  request.upload.addEventListener("load", follow);
};

const sendRequest = XMLHttpRequest.prototype.send;
XMLHttpRequest.prototype.send = function (body) {
  const file = body instanceof FormData ? [...body.values()].find((value) => value instanceof File) : null;
  const found = file && findUpload(file);
  if (found) followRequest(this, found);
  return sendRequest.call(this, body);
};

// The hidden uploader lists a file a moment after it was fed.
const endCancelled = (tray) => {
  for (const upload of tray.fed.filter(({ isCancelled }) => isCancelled)) {
    const chips = [...(uploaderOf(tray)?.querySelectorAll(UPLOAD_CHIP) ?? [])];
    const button = chips.find((chip) => nameOfUpload(chip) === upload.file.name)?.querySelector(CANCEL_BUTTON);
    if (!button) continue;
    tray.fed = tray.fed.filter((entry) => entry !== upload);
    button.click();
    if (!tray.fed.length) endBatch(tray);
  }
};

const cancelUpload = (tray, id) => {
  const upload = tray.fed.find((entry) => entry.id === id);
  if (upload) upload.isCancelled = true;
  tray.waiting = tray.waiting.filter((entry) => entry.id !== id);
  // A question that waited for the file is for the user to send.
  tray.send = null;
  endCancelled(tray);
};
