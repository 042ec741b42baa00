// Chips of attached files: a list in which each file can be removed, and pages of a PDF can be chosen.
const create = (tag, className, text = "") => Object.assign(document.createElement(tag), { className, textContent: text });

const createIcon = (name) => {
  const icon = create("span", "antler-icon", name);
  icon.setAttribute("aria-hidden", "true");
  return icon;
};

const createButton = (className, label, content, onClick) => {
  const button = create("button", className);
  button.type = "button";
  button.title = label;
  button.setAttribute("aria-label", label);
  button.append(content);
  button.addEventListener("click", onClick);
  return button;
};

const createPicture = (file) => {
  if (!file.picture) return createIcon(file.icon);
  const picture = create("img", "antler-chip-picture");
  Object.assign(picture, { src: file.picture, alt: "" });
  return picture;
};

// The open form for pages: of which file, and what was typed.
const createPagesForm = (file, open, texts, act) => {
  const form = create("form", "antler-chip-pages"), field = create("input", "");
  Object.assign(field, { value: open.value, placeholder: "1-3, 7", size: 9, autocomplete: "off" });
  field.setAttribute("aria-label", file.choosePages);
  field.addEventListener("input", () => { open.value = field.value; });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    act.closePages();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    act.pages(file, field.value);
  });
  form.append(field, createButton("antler-chip-button", texts.read_pages, createIcon("check"), () => form.requestSubmit()));
  return form;
};

const createProgress = (label) => {
  const bar = create("div", "antler-chip-progress");
  for (const [name, value] of [["role", "progressbar"], ["aria-label", label], ["aria-valuemin", 0], ["aria-valuemax", 100]]) bar.setAttribute(name, value);
  return bar;
};

const createChip = (file, openPages, texts, act) => {
  const chip = create("li", "antler-chip"), words = create("div", "antler-chip-words");
  chip.dataset.id = file.id;
  if (file.isReading) chip.dataset.reading = "";
  if (file.error || file.isRefused) chip.dataset.error = "";
  const name = create("span", "antler-chip-name", file.shortName);
  name.title = file.name;
  name.dir = "auto";
  words.append(name);
  if (openPages?.id === file.id) words.append(createPagesForm(file, openPages, texts, act));
  else for (const text of [file.about, file.form]) if (text) words.append(create("span", "antler-chip-about", text));
  if (file.sending) words.append(createProgress(file.sending));
  if (file.notes?.length) words.title = file.notes.join("\n");
  chip.append(createPicture(file), words);
  if (file.choosePages && openPages?.id !== file.id)
    chip.append(createButton("antler-chip-button", file.choosePages, createIcon("auto_stories"), () => act.openPages(file)));
  if (file.remove) chip.append(createButton("antler-chip-button antler-chip-remove", file.remove, createIcon("close"), () => act.remove(file)));
  return chip;
};

// Redraws the list without loss of the focus; after a removal, that is the next file's.
const drawChips = (root, files, notices, openPages, texts, act) => {
  const state = JSON.stringify([files, notices, openPages?.id, texts]);
  if (root.drawn === state) return;
  root.drawn = state;
  const buttons = () => [...root.querySelectorAll(".antler-chip-remove")];
  const focused = root.contains(document.activeElement) ? document.activeElement : null;
  const id = focused?.closest(".antler-chip")?.dataset.id, index = buttons().findIndex((button) => button.closest("li").dataset.id === id);
  const list = create("ul", "antler-chips"), errors = create("div", "antler-chip-errors");
  list.setAttribute("aria-label", texts.list);
  errors.setAttribute("role", "status");
  list.append(...files.map((file) => createChip(file, openPages, texts, act)));
  errors.append(...files.filter((file) => file.error).map((file) => create("p", "", file.error)));
  errors.append(...notices.map((notice) => create("p", "antler-chip-notice", notice)));
  const scrolled = root.querySelector("ul")?.scrollLeft ?? 0, count = root.querySelectorAll("li").length;
  root.replaceChildren(...(files.length ? [list] : []), errors);
  list.scrollLeft = files.length > count ? list.scrollWidth : scrolled;
  if (!focused) return;
  const same = [...root.querySelectorAll("li")].find((chip) => chip.dataset.id === id);
  const target = same?.querySelector("input") ?? same?.querySelector("button") ?? buttons()[Math.min(Math.max(index, 0), buttons().length - 1)];
  if (target) target.focus();
  else act.leave();
};
