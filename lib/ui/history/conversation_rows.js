// Rows of the conversation list: a button with the title, and a menu of actions. Elements are kept through changes, so
// that the focus and an open menu stay. Classes that begin with "st-key-" name rows to style sheets and to the scripts of
// the page as those of Streamlit's elements do.
const ICON = /^:material\/(\w+): (.*)$/s;

const create = (tag, className = "", text = "") => {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
};
const createButton = (className, onClick) => {
  const button = create("button", className);
  button.type = "button";
  button.onclick = onClick;
  return button;
};
const createIcon = (name) => {
  const icon = create("span", "antler-icon", name);
  icon.ariaHidden = "true";
  icon.translate = false;
  return icon;
};

class RowMenu {
  constructor(element) {
    this.element = element;
    element.onkeydown = (event) => this.onKey(event);
    element.ontoggle = ({ newState }) => {
      if (newState === "closed") this.button?.setAttribute("aria-expanded", "false");
      if (newState === "closed") this.element.role = null; // a menu has items
    };
  }

  get items() {
    return [...this.element.querySelectorAll('[role="menuitem"]')];
  }

  open(button, actions, labels, choose) {
    this.button = button;
    this.element.replaceChildren(...actions.map((action) => {
      const [, icon, label] = labels[action].match(ICON) ?? [null, "", labels[action]];
      const item = createButton("", () => {
        this.element.hidePopover();
        choose(action);
      });
      item.role = "menuitem";
      item.tabIndex = -1;
      item.dataset.key = labels[action];
      item.append(createIcon(icon), create("span", "", label));
      return item;
    }));
    this.element.role = "menu";
    this.element.ariaLabel = button.ariaLabel;
    this.element.showPopover();
    button.setAttribute("aria-expanded", "true");
    this.place(button.getBoundingClientRect());
    this.items[0].focus();
  }

  // Below the button, or above it where there is no space.
  place({ left, top, bottom }) {
    const { offsetWidth: width, offsetHeight: height } = this.element;
    const isAbove = bottom + height > innerHeight && top > height;
    this.element.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
    this.element.style.top = `${isAbove ? top - height : Math.max(8, Math.min(bottom, innerHeight - height - 8))}px`;
  }

  onKey(event) {
    const { items } = this, position = items.indexOf(document.activeElement);
    const moves = { ArrowDown: position + 1, ArrowUp: position - 1, Home: 0, End: -1 };
    if (event.key in moves) items.at(moves[event.key] % items.length).focus();
    else if (event.key === "Escape" || event.key === "Tab") this.element.hidePopover();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

const fillHeading = (element, { heading }) => {
  element.className = `antler-row-heading st-key-head-${heading.name}`;
  element.replaceChildren(create("p", "", heading.text));
};

const fillRow = (element, row, { labels, about, send, menu }) => {
  element.className = `antler-row st-key-row-${row.status ? `${row.status}-` : ""}${row.id}`;
  const title = create("p", "", row.title);
  const main = create("div", `st-key-${row.isOpen ? "current" : "open"}-${row.id}`);
  if (row.isOpen) main.append(title);
  else {
    const button = createButton("", () => send("open", { id: row.id }));
    if (row.status) title.append(create("span", "", ` ${row.statusText}`));
    button.append(title);
    main.append(button);
  }
  let wasOpen = false;
  const button = createButton("", () => {
    // A press outside of an open menu closes it, also that on its own button.
    if (!wasOpen) menu.open(button, row.actions, labels, (action) => send("action", { id: row.id, action }));
    wasOpen = false;
  });
  button.onpointerdown = () => { wasOpen = button.getAttribute("aria-expanded") === "true"; };
  button.ariaHasPopup = "menu";
  button.setAttribute("aria-expanded", "false");
  button.ariaLabel = about.replace("{name}", () => row.title);
  button.append(createIcon("more_horiz"));
  const actions = create("div", `st-key-actions-${row.id}`);
  actions.append(button);
  element.replaceChildren(main, actions);
};

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".antler-rows");
  root.antlerMenu ??= new RowMenu(parentElement.querySelector(".antler-row-menu"));
  root.antlerItems ??= new Map();
  const context = { labels: data.labels, about: data.about, menu: root.antlerMenu, send: setTriggerValue };
  const previous = root.antlerItems, texts = JSON.stringify([data.labels, data.about]);
  root.antlerItems = new Map(data.items.map((item) => {
    const key = item.id ?? `head ${item.heading.name}`, state = JSON.stringify(item) + texts;
    const known = previous.get(key) ?? { element: create("div") };
    if (known.state !== state) (item.heading ? fillHeading : fillRow)(known.element, item, context);
    return [key, { element: known.element, state }];
  }));
  const elements = [...root.antlerItems.values()].map(({ element }) => element);
  if (elements.length !== root.children.length || elements.some((element, index) => element !== root.children[index]))
    root.replaceChildren(...elements);
}
