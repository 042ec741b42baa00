// Tables: a box of their own that scrolls, and a download as CSV.
const TABLE = '[data-testid="stMarkdownContainer"] table';
// Spreadsheets read a cell with one of these signs as a formula, unless it is a number.
const FORMULA_START = /^[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;
const NUMBER = /^[+-]?[\d.,\u00a0 ]*\d[\d.,\u00a0 ]*\s?[%‰€$£¥]?$/;

const cellText = (cell) => {
  const copy = cell.cloneNode(true);
  copy.querySelectorAll(".katex").forEach((formula) => {
    formula.replaceWith(formula.querySelector("annotation")?.textContent ?? formula.textContent);
  });
  copy.querySelectorAll("br").forEach((line) => line.replaceWith("\n"));
  return copy.textContent.trim();
};

const csvField = (text) => {
  const safe = FORMULA_START.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return /[",\r\n;]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

const tableToCsv = (table) =>
  [...table.rows].map((row) => [...row.cells].map((cell) => csvField(cellText(cell))).join(",")).join("\r\n") + "\r\n";

// Of tables and code blocks.
const sizes = new ResizeObserver((entries) => {
  // A box that scrolls can be reached by keyboard.
  for (const { target } of entries) {
    if (target.scrollWidth > target.clientWidth + 1 || target.scrollHeight > target.clientHeight + 1) target.tabIndex = 0;
    else target.removeAttribute("tabindex");
  }
});

const updateTable = (table) => {
  if (table.antlerTools?.isConnected && table.antlerTools.previousElementSibling === table) return;
  table.antlerTools?.remove();
  const bar = createElement("div", "antler-table-bar", { antlerTable: table });
  // With a byte order mark, by which spreadsheets recognize UTF-8.
  bar.append(createButton("csv", "download", labelOf("csv"), () => saveFile("table.csv", `\ufeff${tableToCsv(table)}`, "text/csv")));
  bar.firstElementChild.append(createElement("span", "", { textContent: "CSV" }));
  table.antlerTools = bar;
  table.after(bar);
  sizes.observe(table);
};

const removeOrphans = (message) => {
  for (const bar of message.querySelectorAll(".antler-table-bar"))
    if (bar.antlerTable?.antlerTools !== bar || bar.previousElementSibling !== bar.antlerTable) bar.remove();
};
