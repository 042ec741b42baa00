// Says while the browser has no connection: an answer that stands still would look like a slow one.
const CHECK_INTERVAL = 3000, CHECK_TIMEOUT = 4000; // ms
let text = "", mountedKey = null, line = null, timer = null, lastCheck = 0;

// A browser without a network can still reach a server on its own machine.
const isReachable = () =>
  fetch(new URL("_stcore/health", location.href), { cache: "no-store", signal: AbortSignal.timeout(CHECK_TIMEOUT) }).then(() => true, () => false);

const hide = () => {
  line?.remove();
  line = null;
};

const show = () => {
  if (!line) {
    line = Object.assign(document.createElement("div"), { className: "antler-offline" });
    line.setAttribute("role", "status");
    document.body.append(line);
  }
  if (line.textContent !== text) line.textContent = text;
};

// The first request of a browser that has just lost its network may still succeed.
const check = async () => {
  clearTimeout(timer);
  const number = ++lastCheck, isBack = await isReachable();
  if (number !== lastCheck) return;
  if (isBack) hide();
  else show();
  if (!isBack || !navigator.onLine) timer = setTimeout(check, CHECK_INTERVAL);
};

const stop = () => {
  clearTimeout(timer);
  lastCheck++;
  hide();
};

export default function ({ data, key }) {
  text = data.text;
  mountedKey = key;
  addEventListener("offline", check);
  addEventListener("online", check);
  if (line) show();
  return () => {
    if (mountedKey !== key) return;
    mountedKey = null;
    removeEventListener("offline", check);
    removeEventListener("online", check);
    stop();
  };
}
