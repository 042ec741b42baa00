// Choice of the theme, which only the browser knows.
export default function ({ data, parentElement }) {
  const theme = window.antlerTheme;
  const field = document.createElement("fieldset");
  field.className = "theme-setting";
  const legend = document.createElement("legend");
  legend.textContent = data.label;
  field.append(legend);
  for (const { name, label } of theme ? data.options : []) {
    const option = document.createElement("label");
    const input = Object.assign(document.createElement("input"), { type: "radio", name: "theme", value: name });
    input.checked = theme.choice === name;
    input.addEventListener("change", () => {
      theme.choice = name;
    });
    option.append(input, label);
    field.append(option);
  }
  parentElement.querySelector("fieldset")?.remove();
  if (theme) parentElement.append(field);
}
