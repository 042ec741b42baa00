// The theme that the reader has chosen, before the first frame and on every page. Streamlit has no call for it, but
// follows the browser's color scheme: for the choice of a theme, this answers the question for that scheme.
(() => {
  const STORAGE_KEY = "antler.theme";
  const STREAMLIT_CHOICE = /^stActiveTheme/; // Streamlit's own stored choice would win
  const QUERY = /^\s*\(\s*prefers-color-scheme\s*:\s*(dark|light)\s*\)\s*$/;
  const askBrowser = window.matchMedia.bind(window);
  const system = askBrowser("(prefers-color-scheme: dark)");
  let choice = "system";

  const isDark = () => (choice === "system" ? system.matches : choice === "dark");

  class SchemeQuery extends EventTarget {
    constructor(scheme) {
      super();
      this.media = `(prefers-color-scheme: ${scheme})`;
      this.onchange = null;
      this.scheme = scheme;
    }
    get matches() {
      return isDark() === (this.scheme === "dark");
    }
    addListener(listener) {
      this.addEventListener("change", listener);
    }
    removeListener(listener) {
      this.removeEventListener("change", listener);
    }
  }
  const queries = { dark: new SchemeQuery("dark"), light: new SchemeQuery("light") };
  window.matchMedia = (query) => queries[QUERY.exec(query)?.[1]] ?? askBrowser(query);

  const apply = () => {
    // The empty page before Streamlit's first frame is in this scheme too.
    document.documentElement.style.colorScheme = isDark() ? "dark" : "light";
    for (const query of Object.values(queries)) {
      const event = Object.assign(new Event("change"), { matches: query.matches, media: query.media });
      query.onchange?.(event);
      query.dispatchEvent(event);
    }
  };
  const load = () => {
    try {
      Object.keys(localStorage).filter((key) => STREAMLIT_CHOICE.test(key)).forEach((key) => localStorage.removeItem(key));
      const stored = localStorage.getItem(STORAGE_KEY);
      choice = stored === "light" || stored === "dark" ? stored : "system";
    } catch {} // a browser that stores nothing
    apply();
  };
  load();
  system.addEventListener("change", apply);
  // Another tab has changed it.
  addEventListener("storage", ({ key }) => (key === STORAGE_KEY || key === null) && load());

  window.antlerTheme = {
    get choice() {
      return choice;
    },
    set choice(value) {
      choice = value;
      try {
        localStorage.setItem(STORAGE_KEY, value);
      } catch {} // until the page is closed
      apply();
    },
  };
})();
