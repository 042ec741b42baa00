// The secret that identifies this browser: created here, stored here. At the top of a page, where it settles while the
// page loads, and in the component that sends it to the server, for a page whose top was left out.
window.antlerIdentity ??= (() => {
  const STORAGE_KEY = "antler.browser";
  const SECRET_PATTERN = /^[0-9a-f]{48}$/;
  const SETTLE_MS = 300; // in which the writes of tabs that opened at the same moment meet

  // Not crypto.randomUUID: a page over plain http on a local network has none.
  const createSecret = () =>
    Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) => byte.toString(16).padStart(2, "0")).join("");

  const read = (storage) => {
    const secret = storage.getItem(STORAGE_KEY) ?? "";
    return SECRET_PATTERN.test(secret) ? secret : "";
  };

  // "" where the browser refuses, which it may do by throwing at any of these.
  const readOrCreate = async (storageName) => {
    try {
      const storage = window[storageName];
      if (!read(storage)) {
        storage.setItem(STORAGE_KEY, createSecret());
        // There are no locks without a secure context. Of two tabs that write, both read the last value
        // once the storage has settled.
        await new Promise((done) => setTimeout(done, SETTLE_MS));
      }
      return read(storage);
    } catch {
      return "";
    }
  };

  const findIdentity = async () => {
    for (const [persistence, storageName] of [["browser", "localStorage"], ["tab", "sessionStorage"]]) {
      const secret = await readOrCreate(storageName);
      if (secret) return { secret, persistence };
    }
    return { secret: createSecret(), persistence: "page" }; // the only copy, where the browser stores nothing
  };

  let sentSecret = "";
  // A tab wrote after the settling time: this page reloads with the value that all tabs have.
  window.addEventListener("storage", ({ key, newValue }) => {
    if (key === STORAGE_KEY && sentSecret && SECRET_PATTERN.test(newValue ?? "") && newValue !== sentSecret)
      location.reload();
  });

  const identity = findIdentity();
  return async () => {
    sentSecret = (await identity).secret;
    return identity;
  };
})();
