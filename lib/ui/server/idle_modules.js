// Modules that formulas and code need, loaded once the page is at rest: to run them takes a quarter of a second. A browser
// that saves data loads them when the first element needs them.
(() => {
  if (navigator.connection?.saveData) return;
  const REST = 1000, STEP = 250; // ms
  let restingSince = Infinity, touchedAt = 0;
  for (const type of ["keydown", "pointerdown", "wheel"]) {
    addEventListener(type, () => { touchedAt = performance.now(); }, { capture: true, passive: true });
  }
  const isResting = () => {
    const now = performance.now();
    const isRunning = document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState !== "notRunning";
    restingSince = isRunning ? Infinity : Math.min(restingSince, now);
    return now - Math.max(restingSince, touchedAt) > REST;
  };
  const load = async () => {
    const paths = document.querySelector('meta[name="antler-idle-modules"]')?.content.split(" ") ?? [];
    // One that fails is loaded by the first element that needs it.
    for (const path of paths) await import(new URL(path, document.baseURI)).catch(() => {});
    document.documentElement.dataset.antlerIdleModules = "loaded";
  };
  const timer = setInterval(() => {
    if (!isResting()) return;
    clearInterval(timer);
    (window.requestIdleCallback ?? setTimeout)(load);
  }, STEP);
})();
