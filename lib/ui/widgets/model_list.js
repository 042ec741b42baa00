// List of models in a popup: a combobox with a listbox, drawn up to where it is scrolled.
const CHUNK = 40, PAGE = 10, MARGIN = 8, MAX_HEIGHT = 480; // options, options, px, px
const FIELDS = ["id", "name", "vendor", "input", "output", "context", "capabilities", "note"];

class ModelList {
  constructor(parent, source) {
    const { texts, models } = JSON.parse(new TextDecoder().decode(source));
    this.models = models.map((row) => Object.fromEntries(FIELDS.map((name, index) => [name, row[index] ?? ""])));
    Object.assign(this, { parent, source, texts, button: null }, buildPopup(texts));
    parent.append(this.root);
    this.input.addEventListener("input", () => this.search());
    this.panel.addEventListener("keydown", (event) => this.onKey(event));
    this.panel.querySelector(".antler-models-close").addEventListener("click", () => this.close());
    this.star.addEventListener("click", () => this.toggleStar(this.options[this.active]?.model));
    this.list.addEventListener("scroll", () => this.drawVisible(), { passive: true });
    this.list.addEventListener("click", (event) => this.onClick(event));
    this.list.addEventListener("mousemove", (event) => {
      const option = event.target.closest('[role="option"]');
      // A list that scrolls below the pointer also moves it.
      if (option && (event.movementX || event.movementY)) this.activate(Number(option.dataset.index), { scroll: false });
    });
    // The focus stays in the search.
    this.list.addEventListener("mousedown", (event) => event.preventDefault());
    this.root.addEventListener("click", (event) => event.target === this.root && this.close());
    this.onPress = ({ target }) => !this.root.contains(target) && !this.button.contains(target) && this.close({ focus: false });
    this.onFocus = ({ target }) => !this.root.contains(target) && target !== this.button && this.close({ focus: false });
    this.onResize = () => this.place();
    this.isEmpty = !this.models.length;
  }

  get isOpen() { return this.root.matches(":popover-open"); }

  open(button, query = "") {
    this.button = button;
    this.state = button.antlerModel;
    this.favourites = [...this.state.favourites];
    this.input.value = query;
    button.setAttribute("aria-expanded", "true");
    this.root.showPopover();
    this.search();
    this.place();
    const selected = this.options.findIndex(({ id }) => id === this.state.model);
    if (selected > 0 && !query) this.activate(selected, { block: "center" });
    // A keyboard on the screen would cover the list.
    (matchMedia("(pointer: coarse)").matches ? this.panel : this.input).focus({ preventScroll: true });
    document.addEventListener("pointerdown", this.onPress, true);
    document.addEventListener("focusin", this.onFocus);
    for (const target of [window, window.visualViewport]) target?.addEventListener("resize", this.onResize);
  }

  close({ focus = true } = {}) {
    if (!this.isOpen) return;
    document.removeEventListener("pointerdown", this.onPress, true);
    document.removeEventListener("focusin", this.onFocus);
    for (const target of [window, window.visualViewport]) target?.removeEventListener("resize", this.onResize);
    this.root.hidePopover();
    this.button.setAttribute("aria-expanded", "false");
    if (focus) this.button.focus({ preventScroll: true });
  }

  // Above or below the button, where there is more space; on phones the style sheet puts it at the bottom.
  place() {
    const viewport = window.visualViewport ?? { height: innerHeight, offsetTop: 0 };
    const { left, top, bottom } = this.button.getBoundingClientRect();
    const isAbove = top > viewport.height - bottom;
    const values = {
      "--left": Math.max(MARGIN, Math.min(left, innerWidth - this.panel.offsetWidth - MARGIN)),
      "--top": isAbove ? null : bottom + MARGIN / 2,
      "--bottom": isAbove ? innerHeight - top + MARGIN / 2 : null,
      "--height": Math.min(MAX_HEIGHT, (isAbove ? top : viewport.height - bottom) - 2 * MARGIN),
      "--keyboard": Math.max(0, innerHeight - viewport.height - viewport.offsetTop),
    };
    for (const [name, value] of Object.entries(values))
      this.panel.style.setProperty(name, value === null ? "auto" : `${value}px`);
  }

  search() {
    const { model: current, recent, empty, notice, isLoading } = this.state;
    const { favourites, texts } = this;
    const typed = this.input.value.trim();
    const groups = groupModels(this.models, typed, { favourites, recent, current, titles: texts });
    this.options = groups.flatMap(({ title, models }) => models.map((model) => ({ id: model.id, model, title })));
    const matches = this.options.length, count = fill(texts.count, { count: matches });
    if (empty && !typed) this.options.unshift({ id: "", text: empty, title: "" });
    if (typed && !this.options.some(({ id }) => id === typed))
      this.options.push({ id: typed, text: fill(texts.exact, { text: typed }), title: "" });
    const problem = this.isEmpty ? notice : matches ? "" : texts.none;
    this.status.textContent = problem || (typed ? count : "");
    this.status.classList.toggle("antler-hidden", !problem);
    this.count.textContent = count;
    this.list.replaceChildren();
    this.list.scrollTop = this.drawn = 0;
    this.draw(CHUNK);
    // An id that the list does not have is a typing error as a rule: it is used only after it was selected.
    this.activate(matches || !typed || (this.isEmpty && !isLoading) ? 0 : -1);
  }

  draw(end) {
    const { texts, favourites, options } = this;
    for (; this.drawn < Math.min(end, options.length); this.drawn++) {
      const option = options[this.drawn];
      if (!this.drawn || option.title !== options[this.drawn - 1].title)
        this.list.append(buildGroup(option.title, this.drawn));
      const context = { texts, favourites, selected: this.state.model, size: options.length };
      this.list.lastChild.append(buildOption(option, this.drawn, context));
    }
  }

  drawVisible() {
    if (this.list.scrollTop + 2 * this.list.clientHeight > this.list.scrollHeight) this.draw(this.drawn + CHUNK);
  }

  activate(index, { scroll = true, block = "nearest" } = {}) {
    if (index >= this.drawn) this.draw(index + CHUNK);
    this.list.querySelector(".antler-active")?.classList.remove("antler-active");
    this.active = Math.min(index, this.options.length - 1);
    const option = this.list.querySelector(`#antler-model-${this.active}`);
    option?.classList.add("antler-active");
    this.input.setAttribute("aria-activedescendant", option?.id ?? "");
    if (option && scroll) {
      // With the heading above the first option of a group.
      option.previousElementSibling?.matches(".antler-heading") && option.previousElementSibling.scrollIntoView({ block });
      option.scrollIntoView({ block });
    }
    this.showStar();
  }

  showStar() {
    const model = this.options[this.active]?.model;
    this.star.hidden = !model;
    const text = model && this.favourites.includes(model.id) ? this.texts.unstar : this.texts.star;
    this.star.textContent = model ? fill(text, { model: model.id }) : "";
  }

  onKey(event) {
    if (event.isComposing) return;
    const last = this.options.length - 1;
    const moves = {
      ArrowDown: this.active >= last ? 0 : this.active + 1,
      ArrowUp: this.active <= 0 ? last : this.active - 1,
      PageDown: Math.min(last, this.active + PAGE),
      PageUp: Math.max(0, this.active - PAGE),
      Home: 0,
      End: last,
    };
    const hasModifier = event.shiftKey || event.altKey || event.ctrlKey || event.metaKey;
    if (event.key === "Escape") this.close();
    else if (event.key in moves && !hasModifier) this.activate(moves[event.key]);
    else if (event.key === "Enter" && !event.target.closest("button")) this.choose(this.options[this.active]);
    else {
      // What is typed beside the search goes into it.
      if (event.key.length === 1 && event.key !== " " && !hasModifier && event.target !== this.input) this.input.focus();
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }

  onClick(event) {
    const option = this.options[event.target.closest('[role="option"]')?.dataset.index];
    if (option && event.target.closest(".antler-star")) this.toggleStar(option.model);
    else this.choose(option);
  }

  choose(option) {
    if (!option) return;
    this.close();
    if (option.id !== this.state.model) this.state.choose(option.id);
  }

  // Rows keep their places until the list is opened again.
  toggleStar(model) {
    if (!model) return;
    const isFavourite = !this.favourites.includes(model.id);
    this.favourites = this.favourites.filter((id) => id !== model.id).concat(isFavourite ? [model.id] : []);
    for (const option of this.list.querySelectorAll('[role="option"]'))
      if (this.options[option.dataset.index].model === model)
        option.querySelector(".antler-star").replaceWith(buildStar(model.id, isFavourite, this.texts));
    this.showStar();
    this.saveStar(model.id, isFavourite);
  }
}

const createNonce = () => crypto.getRandomValues(new Uint32Array(2)).join("-");
let list = null; // built when it is opened first
const isEqual = (one, other) => one === other || (one.length === other.length && one.every((byte, index) => byte === other[index]));

export default function ({ data, parentElement, setStateValue }) {
  const select = (window.antlerModels ??= {});
  const changes = (select.changes ??= {});
  const open = (button) => {
    const isOpen = list?.isOpen;
    if (isOpen) list.close({ focus: list.button === button });
    if (isOpen && list.button === button) return;
    if (list?.parent !== parentElement || !isEqual(list.source, data)) {
      list?.root.remove();
      list = new ModelList(parentElement, data);
    }
    list.saveStar = (model, isFavourite) => {
      changes[model] = isFavourite;
      setStateValue("favourites", { changes: { ...changes }, nonce: createNonce() });
    };
    list.open(button);
    // The gateway's list may have arrived since this page was rendered.
    if (list.isEmpty) setStateValue("refresh", createNonce());
  };
  // The button has new data: another run of the script has ended.
  const update = (button) => {
    if (list?.isOpen && list.button === button) list.state = button.antlerModel;
  };
  Object.assign(select, { open, update });
  if (list?.isOpen && list.isEmpty && list.parent === parentElement && !isEqual(list.source, data)) {
    const { button, input, saveStar } = list;
    list.close({ focus: false });
    list.root.remove();
    list = Object.assign(new ModelList(parentElement, data), { saveStar });
    list.open(button, input.value);
  }
  if (select.waiting?.isConnected) open(select.waiting);
  delete select.waiting;
  return () => {
    // The list of the next page may be there already.
    if (select.open !== open) return;
    list?.root.remove();
    list = null;
    delete window.antlerModels;
  };
}
