// The list of keyboard shortcuts: a button in the sidebar, and the dialog that it opens.
const MAC_NAMES = { mod: "⌘", ctrl: "⌃", shift: "⇧", enter: "↩", escape: "Esc", arrowup: "↑" };
const NAMES = { mod: "Ctrl", ctrl: "Ctrl", shift: "Shift", enter: "Enter", escape: "Esc", arrowup: "↑" };
let dialog = null, opener = null, mountedKey = null;

const keyName = (part) => (isMac ? MAC_NAMES : NAMES)[part] ?? (part.length === 1 ? part.toUpperCase() : part);

const createElement = (tag, textContent) => Object.assign(document.createElement(tag), { textContent });

const createRow = ({ label, keys }, or) => {
  const value = document.createElement("dd");
  keys.forEach((combination, index) => {
    if (index) value.append(` ${or} `);
    value.append(...combination.split("+").map((part) => createElement("kbd", keyName(part))));
  });
  return [createElement("dt", label), value];
};

const open = () => {
  if (!dialog?.isConnected) return;
  if (dialog.open) return dialog.close();
  opener = document.activeElement;
  dialog.showModal();
};

const onClose = () => {
  if (isVisible(opener) && opener !== document.body) opener.focus({ preventScroll: true });
  else if (!hasTouchKeyboard()) focusComposer();
};

export default function ({ data, key, parentElement }) {
  mountedKey = key;
  const button = parentElement.querySelector("button.shortcuts-open");
  button.querySelector("span").textContent = data.texts.title;
  dialog = parentElement.querySelector("dialog");
  dialog.querySelector("h2").textContent = data.texts.title;
  dialog.querySelector("button").setAttribute("aria-label", data.texts.close);
  dialog.querySelector("dl").replaceChildren(...data.shortcuts.flatMap((shortcut) => createRow(shortcut, data.texts.or)));
  button.onclick = open;
  dialog.querySelector("button").onclick = () => dialog.close();
  dialog.onclick = (event) => { if (event.target === dialog) dialog.close(); };
  dialog.onclose = onClose;
  document.addEventListener("antler:shortcuts", open);
  return () => {
    if (mountedKey === key) document.removeEventListener("antler:shortcuts", open);
  };
}
