// The switch for notifications: the choice is stored in this browser, and the browser asks for permission.
const isSupported = () => "Notification" in globalThis && isSecureContext;

const read = () => {
  try { return localStorage.getItem(NOTIFICATIONS_KEY) === "on"; } catch { return false; }
};

const store = (isOn) => {
  try {
    localStorage.setItem(NOTIFICATIONS_KEY, isOn ? "on" : "off");
    return true;
  } catch { return false; }
};

export default function ({ data: { texts }, parentElement }) {
  const root = parentElement.querySelector(".notification-setting");
  const input = root.querySelector("input"), note = root.querySelector("p");
  root.querySelector("span").textContent = texts.label;

  const render = (problem = "") => {
    const isDenied = isSupported() && Notification.permission === "denied";
    input.checked = isSupported() && !isDenied && read() && Notification.permission === "granted";
    input.disabled = !isSupported();
    note.textContent = !isSupported() ? texts.unsupported : isDenied ? texts.denied : problem || texts.about;
  };

  input.onchange = async () => {
    if (!input.checked) return render(store(false) ? "" : texts.not_stored);
    const permission = await Notification.requestPermission();
    if (permission !== "granted") return render(texts.dismissed);
    render(store(true) ? "" : texts.not_stored);
  };
  render();
}
