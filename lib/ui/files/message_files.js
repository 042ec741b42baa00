// Files of a message: a button for each, which opens it.
const create = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });

const createContent = (file) => {
  if (file.isImage && file.picture) {
    const picture = create("img", "antler-file-picture");
    // Its size is known before it is decoded, so that nothing moves.
    const scale = Math.min(1, 320 / Math.max(file.width, file.height, 1));
    Object.assign(picture, { src: file.picture, alt: file.name, width: Math.round(file.width * scale), height: Math.round(file.height * scale) });
    return [picture];
  }
  const words = create("span", "antler-chip-words"), name = create("span", "antler-chip-name", file.shortName);
  name.dir = "auto";
  words.append(name, " ", create("span", "antler-chip-about", file.about));
  if (!file.picture) {
    const icon = create("span", "antler-icon", file.icon);
    icon.setAttribute("aria-hidden", "true");
    return [icon, words];
  }
  return [Object.assign(create("img", "antler-chip-picture"), { src: file.picture, alt: "" }), words];
};

const createItem = (file, index, open) => {
  const item = create("li", ""), button = create("button", "antler-file");
  Object.assign(button, { type: "button", title: file.name, disabled: !file.isStored });
  const isPicture = Boolean(file.isImage && file.picture);
  // The name has all words that are seen: who speaks to the computer says these.
  if (file.isStored) button.setAttribute("aria-label", isPicture ? file.open : `${file.open} ${file.about}`);
  if (isPicture) button.dataset.image = "";
  button.append(...createContent(file));
  button.addEventListener("click", () => open(index));
  item.append(button);
  return item;
};

export default function ({ data, parentElement, setTriggerValue }) {
  const list = parentElement.querySelector("ul");
  const focused = [...list.querySelectorAll("button")].indexOf(document.activeElement);
  list.replaceChildren(...data.files.map((file, index) => createItem(file, index, (opened) => setTriggerValue("opened", opened))));
  if (focused >= 0) list.querySelectorAll("button")[focused]?.focus({ preventScroll: true });
}
