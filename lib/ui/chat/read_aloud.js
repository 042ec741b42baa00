// Answers read aloud, one at a time: a passage plays while the server requests the next one.
const READING_ICONS = { "": "volume_up", loading: "stop_circle", playing: "stop_circle" };

// One element for all passages: Safari plays on in an element that a click has started, and in no other.
const reading = (tools.reading ??= { id: "", index: 0, state: "", base: "", audio: new Audio() });

const updateReadButton = (button) => {
  if (!button) return;
  const isReading = button.dataset.id === reading.id, state = isReading ? reading.state : "";
  // A button that is right stays as it is: each change of the page is looked at again.
  if (button.dataset.reading === state) return;
  setIcon(button, READING_ICONS[state]);
  setLabel(button, labelOf(state ? "stop_reading" : "read_aloud", { number: button.dataset.number }));
  button.dataset.reading = state;
  button.setAttribute("aria-pressed", String(!!state));
};

const setReadingState = (state) => {
  reading.state = state;
  document.querySelectorAll(".antler-read").forEach(updateReadButton);
};

const silence = () => {
  const audio = reading.audio;
  audio.onended = audio.onerror = audio.onplaying = null;
  audio.pause();
  audio.removeAttribute("src");
  audio.load();
  reading.id = "";
  setReadingState("");
};

const stopReading = () => {
  if (!reading.id) return;
  const url = reading.base;
  silence();
  fetch(url, { method: "DELETE", keepalive: true }).catch(() => {});
};

const failReading = () => {
  if (!reading.id) return;
  const id = reading.id;
  silence();
  tools.reportReading({ id, at: Date.now() });
};

const playPassage = (index) => {
  const audio = reading.audio;
  reading.index = index;
  audio.src = `${reading.base}/${reading.id}/${index}`;
  audio.defaultPlaybackRate = audio.playbackRate = tools.speech?.speed ?? 1;
  audio.play().catch((error) => error.name === "NotAllowedError" && stopReading());
};

// A passage that broke off is the last one: the page says why.
const playNext = async () => {
  const id = reading.id;
  const { count, hasError } = await fetch(`${reading.base}/${id}`).then((response) => response.json()).catch(() => ({}));
  if (id !== reading.id) return;
  if (hasError) failReading();
  else if (reading.index + 1 < count) playPassage(reading.index + 1);
  else silence();
};

const startReading = (id) => {
  stopReading();
  Object.assign(reading, { id, base: tools.speech.url });
  const audio = reading.audio;
  audio.onended = playNext;
  audio.onerror = failReading;
  audio.onplaying = () => setReadingState("playing");
  setReadingState("loading");
  playPassage(0);
};

const createReadButton = (id, number) => {
  const button = createButton("read", "volume_up", "", () => (reading.id === id ? stopReading() : startReading(id)));
  Object.assign(button.dataset, { id, number });
  updateReadButton(button);
  return button;
};

// Another page or another chat is shown, or the answer was deleted.
const stopWithoutAnswer = () => {
  if (reading.id && !document.querySelector(`[class*="${ROW}${CSS.escape(reading.id)}"]`)) stopReading();
};
