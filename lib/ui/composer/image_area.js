// Painting of the area of an image that is to be changed. The mask is transparent where it was painted.
const create = (tag, className = "", attributes = {}) => {
  const element = Object.assign(document.createElement(tag), { className });
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};
const MIN_BRUSH = 1, MAX_BRUSH = 25, BRUSH = 8, STEP = 0.02; // percent of the longer edge; part of it per arrow key

class AreaEditor {
  constructor(root, data, onDone) {
    Object.assign(this, { data, onDone, strokes: [], stroke: null, brush: BRUSH });
    this.edge = Math.max(data.width, data.height);
    this.cursor = { x: data.width / 2, y: data.height / 2 };
    const stage = create("div", "antler-area-stage");
    const picture = Object.assign(create("img"), { src: data.picture, alt: "" });
    this.canvas = create("canvas", "", { tabindex: "0", role: "img", "aria-label": data.texts.canvas });
    Object.assign(this.canvas, { width: data.width, height: data.height });
    stage.style.aspectRatio = `${data.width} / ${data.height}`;
    stage.append(picture, this.canvas);
    root.replaceChildren(stage, this.buildTools());
    this.canvas.addEventListener("pointerdown", (event) => this.begin(event));
    this.canvas.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ["pointerup", "pointercancel"]) this.canvas.addEventListener(name, () => this.end());
    this.canvas.addEventListener("keydown", (event) => this.onKey(event));
    this.draw();
  }

  buildTools() {
    const { texts } = this.data, tools = create("div", "antler-area-tools");
    const label = create("label"), range = create("input", "", { type: "range", min: MIN_BRUSH, max: MAX_BRUSH, value: BRUSH });
    range.addEventListener("input", () => { this.brush = Number(range.value); });
    label.append(texts.brush, range);
    const button = (text, onClick, className = "") => {
      const element = Object.assign(create("button", className, { type: "button" }), { textContent: text });
      element.addEventListener("click", onClick);
      return element;
    };
    this.undo = button(texts.undo, () => { this.strokes.pop(); this.draw(); });
    this.clear = button(texts.clear, () => { this.strokes = []; this.draw(); });
    this.done = button(texts.done, () => this.onDone(this.mask()), "antler-area-done");
    tools.append(label, this.undo, this.clear, this.done);
    return tools;
  }

  point(event) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return { x: ((event.clientX - left) / width) * this.data.width, y: ((event.clientY - top) / height) * this.data.height };
  }

  begin(event) {
    if (event.button) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.stroke = { size: (this.brush / 100) * this.edge, points: [this.point(event)] };
    this.strokes.push(this.stroke);
    this.draw();
  }

  move(event) {
    if (!this.stroke) return;
    this.stroke.points.push(this.point(event));
    this.draw();
  }

  end() { this.stroke = null; }

  // Arrows move a point, and Space or Enter paints there.
  onKey(event) {
    const step = STEP * this.edge, { x, y } = this.cursor;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (moves[event.key]) {
      const limit = (value, most) => Math.min(most, Math.max(0, value));
      this.cursor = { x: limit(x + moves[event.key][0], this.data.width), y: limit(y + moves[event.key][1], this.data.height) };
    } else if (event.key === " " || event.key === "Enter") {
      this.strokes.push({ size: (this.brush / 100) * this.edge, points: [this.cursor] });
    } else return;
    event.preventDefault();
    this.draw();
  }

  paint(context) {
    Object.assign(context, { lineCap: "round", lineJoin: "round" });
    for (const { size, points } of this.strokes) {
      context.lineWidth = size;
      context.beginPath();
      context.moveTo(points[0].x, points[0].y);
      // A line of no length would not be drawn.
      for (const { x, y } of points) context.lineTo(x + 0.01, y);
      context.stroke();
    }
  }

  draw() {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.data.width, this.data.height);
    context.strokeStyle = "#d6336c";
    this.paint(context);
    if (this.canvas.matches(":focus-visible")) {
      context.lineWidth = this.edge / 200;
      context.strokeStyle = "#fff";
      context.strokeRect(this.cursor.x - this.edge / 80, this.cursor.y - this.edge / 80, this.edge / 40, this.edge / 40);
    }
    for (const button of [this.undo, this.clear, this.done]) button.disabled = !this.strokes.length;
  }

  mask() {
    const canvas = Object.assign(document.createElement("canvas"), { width: this.data.width, height: this.data.height });
    const context = canvas.getContext("2d");
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.globalCompositeOperation = "destination-out";
    this.paint(context);
    return canvas.toDataURL("image/png");
  }
}

export default function ({ data, parentElement, setTriggerValue }) {
  const root = parentElement.querySelector(".antler-area");
  // A rerun keeps what was painted.
  if (root.dataset.source === data.source) return;
  root.dataset.source = data.source;
  new AreaEditor(root, data, (mask) => setTriggerValue("mask", mask));
}
