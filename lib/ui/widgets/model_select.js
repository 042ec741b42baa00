// Button that shows the selected model and opens the list of models, which is a component of its own: it arrives
// after the page, and once.
export default function ({ data, parentElement, setStateValue }) {
  const button = parentElement.querySelector("button");
  const select = (window.antlerModels ??= {});
  const show = (model) => {
    const text = model || data.placeholder;
    button.querySelector(".antler-model-name").textContent = text;
    button.querySelector(".antler-model-note").textContent = model === data.model ? data.note : "";
    button.setAttribute("aria-label", `${data.label}: ${[text, model === data.model && data.note].filter(Boolean).join(" ")}`);
    button.title = text;
  };
  show(data.model);
  button.antlerModel = {
    ...data,
    choose(model) {
      show(model);
      // The list may be opened again before the server has answered.
      button.antlerModel.model = model;
      // A number of its own: the server tells a new choice from one that it has applied.
      setStateValue("choice", { model, scope: data.scope, nonce: crypto.getRandomValues(new Uint32Array(2)).join("-") });
    },
  };
  button.onclick = () => (select.open ? select.open(button) : (select.waiting = button));
  button.onkeydown = (event) => {
    if (["ArrowDown", "ArrowUp"].includes(event.key)) {
      event.preventDefault();
      button.click();
    }
  };
  select.update?.(button);
}
