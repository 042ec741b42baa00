// The secret that a browser is known again by: made here, kept here, told to the server when it asks.

const NAME = "antler.browser";
const SHAPE = /^[0-9a-f]{48}$/;
const SETTLE = 300; // milliseconds in which the writes of tabs that opened at the same moment meet

let kept = ""; // what this page has told, and all that there is where the browser keeps nothing
let finding = null;
let answered = ""; // the server's last question

// Not crypto.randomUUID: a page over plain http on a local network has none.
const fresh = () =>
  Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) => byte.toString(16).padStart(2, "0")).join("");

const read = (storage) => {
  const found = storage.getItem(NAME) ?? "";
  return SHAPE.test(found) ? found : "";
};

// "" where the browser refuses, which it may do by throwing at any of these.
const within = async (name) => {
  try {
    const storage = window[name];
    if (!read(storage)) {
      storage.setItem(NAME, fresh());
      // There are no locks without a secure context. Where two tabs write, every tab reads what was
      // written last, once the word of it has come round.
      await new Promise((done) => setTimeout(done, SETTLE));
    }
    return read(storage);
  } catch {
    return "";
  }
};

const find = async () => {
  for (const [where, name] of [["browser", "localStorage"], ["tab", "sessionStorage"]]) {
    const secret = await within(name);
    if (secret) return { secret, where };
  }
  return { secret: fresh(), where: "page" };
};

// A tab that wrote later than the settling saw: this page begins again with what all of them have.
window.addEventListener("storage", ({ key, newValue }) => {
  if (key === NAME && kept && SHAPE.test(newValue ?? "") && newValue !== kept) location.reload();
});

export default function ({ data, setTriggerValue }) {
  // The page may call this again and again for one question; every answer would start a run of its own.
  if (data.asked === answered) return;
  answered = data.asked;
  finding ??= find();
  finding.then((told) => {
    kept = told.secret;
    setTriggerValue("told", told);
  });
}
