// Elements of the list of models. Names come from the gateway and are set as text only.
const CAPABILITIES = { v: ["visibility", "vision"], t: ["lightbulb", "thinking"], f: ["build", "tools"], i: ["brush", "images"] };

const create = (tag, className = "", text = "", attributes = {}) => {
  const element = Object.assign(document.createElement(tag), { className, textContent: text });
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};
const fill = (template, values) => template.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
const buildIcon = (name) => create("span", "antler-icon", name, { "aria-hidden": "true", translate: "no" });

function buildPopup(texts) {
  const root = create("div", "antler-models", "", { popover: "manual" });
  const panel = create("div", "antler-models-panel", "", { role: "dialog", "aria-label": texts.list, tabindex: "-1" });
  const input = create("input", "", "", {
    type: "text", role: "combobox", "aria-label": texts.search, placeholder: texts.search, "aria-expanded": "true",
    "aria-controls": "antler-models-list", "aria-autocomplete": "list", "aria-haspopup": "listbox",
    autocomplete: "off", autocapitalize: "none", spellcheck: "false", enterkeyhint: "done",
  });
  const close = create("button", "antler-models-close", "", { type: "button", "aria-label": texts.close });
  close.append(buildIcon("close"));
  const status = create("div", "antler-models-status", "", { role: "status" });
  const list = create("div", "antler-models-list", "", {
    role: "listbox", id: "antler-models-list", "aria-label": texts.list,
  });
  const star = create("button", "antler-models-star", "", { type: "button" });
  const count = create("span", "", "", { "aria-hidden": "true" });
  const [head, foot] = [create("div", "antler-models-head"), create("div", "antler-models-foot")];
  head.append(buildIcon("search"), input, close);
  foot.append(star, count);
  panel.append(head, status, list, foot);
  root.append(panel);
  return { root, panel, input, status, list, star, count };
}

function buildGroup(title, index) {
  const group = create("div", "", "", { role: "group" });
  if (!title) return group;
  const heading = create("div", "antler-heading", title, { id: `antler-heading-${index}`, dir: "auto", role: "presentation" });
  group.setAttribute("aria-labelledby", heading.id);
  group.append(heading);
  return group;
}

// `model` is missing for an option that is no model, which has a text.
function buildOption({ id, model, text }, index, { texts, favourites, selected, size }) {
  const option = create("div", "antler-option", "", {
    role: "option", id: `antler-model-${index}`, "data-index": index, "aria-selected": id === selected,
    "aria-posinset": index + 1, "aria-setsize": size,
  });
  option.append(create("bdi", "antler-option-id", text ?? id, { title: text ?? id }));
  if (model) option.append(buildFacts(model, texts), buildStar(id, favourites.includes(id), texts));
  return option;
}

function buildFacts(model, texts) {
  const facts = create("span", "antler-option-facts");
  if (model.name && model.name !== model.id) facts.append(create("bdi", "antler-option-name", model.name));
  if (model.note) facts.append(create("span", "antler-option-note", model.note));
  if (model.input) {
    const price = model.output ? `${model.input} / ${model.output}` : model.input;
    facts.append(...buildFact(price, model.output ? fill(texts.price, model) : model.input));
  }
  if (model.context) facts.append(...buildFact(model.context, fill(texts.context, { size: model.context })));
  const icons = create("span", "antler-option-icons");
  for (const [letter, [name, key]] of Object.entries(CAPABILITIES)) {
    const slot = create("span");
    if (model.capabilities.includes(letter)) {
      slot.title = texts[key];
      slot.append(buildIcon(name), create("span", "antler-hidden", `${texts[key]}. `));
    }
    icons.append(slot);
  }
  facts.append(icons);
  return facts;
}

// A short text, and the sentence that it stands for.
const buildFact = (short, spoken) => [
  create("span", "antler-option-fact", short, { "aria-hidden": "true", title: spoken }),
  create("span", "antler-hidden", ` ${spoken}. `),
];

// For the pointer; the button below the list is for the keyboard, as an option may hold no button.
function buildStar(id, isFavourite, texts) {
  return create("span", `antler-star${isFavourite ? " antler-starred" : ""}`, isFavourite ? "★" : "☆", {
    "aria-hidden": "true", title: fill(isFavourite ? texts.unstar : texts.star, { model: id }),
  });
}
