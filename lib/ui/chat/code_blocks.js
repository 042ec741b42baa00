// Code blocks: language, copy, wrap, download, a preview of HTML and SVG, and long ones collapse.
const CODE = '[data-testid="stCode"]'; // in a block of its own, which the tools are added to
const MAX_OPEN_LINES = 30;
const MAX_PREVIEW_CHARS = 500000;
// Names and file extensions of languages, by the names that models write after a fence.
const LANGUAGES = Object.fromEntries(
  `python py:Python:py|javascript js mjs:JavaScript:js|typescript ts:TypeScript:ts|jsx:JSX:jsx|tsx:TSX:tsx|html htm xhtml:HTML:html
  |css:CSS:css|scss:SCSS:scss|sass:Sass:sass|less:Less:less|svg:SVG:svg|xml:XML:xml|json:JSON:json|jsonl:JSON Lines:jsonl|json5:JSON5:json5|yaml yml:YAML:yaml
  |toml:TOML:toml|ini:INI:ini|csv:CSV:csv|markdown md:Markdown:md|bash:Bash:sh|sh shell zsh console:Shell:sh|fish:Fish:fish
  |powershell ps1:PowerShell:ps1|bat batch cmd:Batch:bat|sql:SQL:sql|c:C:c|h:C header:h|cpp cxx c++:C++:cpp|csharp cs c#:C#:cs
  |fsharp fs f#:F#:fs|java:Java:java|kotlin kt:Kotlin:kt|swift:Swift:swift|objectivec objc:Objective-C:m|go golang:Go:go|rust rs:Rust:rs
  |zig:Zig:zig|ruby rb:Ruby:rb|php:PHP:php|perl pl:Perl:pl|lua:Lua:lua|r:R:R|julia jl:Julia:jl|scala:Scala:scala|haskell hs:Haskell:hs
  |elixir ex:Elixir:ex|erlang erl:Erlang:erl|clojure clj:Clojure:clj|ocaml ml:OCaml:ml|dart:Dart:dart|matlab:MATLAB:m|latex tex:LaTeX:tex
  |vue:Vue:vue|svelte:Svelte:svelte|graphql gql:GraphQL:graphql|protobuf proto:Protocol Buffers:proto|solidity sol:Solidity:sol|terraform hcl tf:Terraform:tf
  |nginx:nginx:conf|diff patch:Diff:diff|vim:Vim script:vim|asm nasm:Assembly:asm|http:HTTP:http|dotenv env:.env:env|groovy:Groovy:groovy`
    .split("|")
    .map((row) => row.trim().split(":"))
    .flatMap(([names, name, extension]) => names.split(" ").map((alias) => [alias, { name, extension }]))
);
const FILE_NAMES = { dockerfile: "Dockerfile", docker: "Dockerfile", makefile: "Makefile", make: "Makefile", cmake: "CMakeLists.txt", gitignore: ".gitignore" };
const PLAIN_LANGUAGES = ["", "text", "txt", "plain", "plaintext"];

const languageOf = (block) => {
  const code = block.querySelector('code[class*="language-"]');
  return (code?.className.match(/language-([\w+#.-]+)/)?.[1] ?? "").toLowerCase();
};

const codeOf = (block) => block.querySelector('[data-testid="stCode"] pre')?.textContent ?? "";

const languageName = (language) =>
  LANGUAGES[language]?.name ?? FILE_NAMES[language] ?? (PLAIN_LANGUAGES.includes(language) ? labelOf("code") : language);

// A comment in the first line often names the file; it counts if its extension is that of the language.
const fileNameOf = (language, code) => {
  if (FILE_NAMES[language]) return FILE_NAMES[language];
  const extension = LANGUAGES[language]?.extension ?? "txt";
  const comment = code.split("\n", 1)[0].match(/^\s*(?:#|\/\/|--|;|%|\/\*|<!--)\s*(?:file(?:name)?:\s*)?(?:[\w.-]+\/)*([\w-][\w.-]{0,60}\.\w{1,6})\s*(?:\*\/|-->)?\s*$/i);
  return comment?.[1].toLowerCase().endsWith(`.${extension.toLowerCase()}`) ? comment[1] : `code.${extension}`;
};

const hasPreview = (language, code) =>
  code.length <= MAX_PREVIEW_CHARS &&
  (["html", "htm", "xhtml", "svg"].includes(language) || (language === "xml" && /^\s*(?:<\?xml[^>]*>\s*)?(?:<!--[^]*?-->\s*)*<svg[\s>]/i.test(code)));

// Elements that load, run or lead somewhere. The frame's policy stops them too, but not each early connection.
const FORBIDDEN = "script, link, meta, base, iframe, frame, frameset, object, embed, applet, portal, fencedframe, template";
const FORBIDDEN_ATTRIBUTES = ["ping", "attributionsrc", "target", "formaction", "action", "background", "manifest", "nonce"];
const PREVIEW_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; form-action 'none'; base-uri 'none'";

const removeForbidden = (page) => {
  const unwrapped = page.querySelectorAll("noscript");
  unwrapped.forEach((element) => element.replaceWith(...element.childNodes));
  const found = page.querySelectorAll(FORBIDDEN);
  found.forEach((element) => element.remove());
  for (const element of page.querySelectorAll("*"))
    for (const { name, value } of [...element.attributes])
      // A frame without scripts cannot follow an anchor of its own either: it would open the page around it.
      if (name.startsWith("on") || FORBIDDEN_ATTRIBUTES.includes(name) || (/(^|:)href$/.test(name) && !/^(data:image\/|#)/i.test(value.trim()))
        || (/(^|:)href$/.test(name) && /^(a|area)$/i.test(element.localName))) element.removeAttribute(name);
  return found.length + unwrapped.length;
};

// The document of a preview, null where removing does not come to an end: the parser then reads the result in another way.
const previewDocument = (code) => {
  let source = code;
  for (let attempt = 0; attempt < 5; attempt++) {
    const page = new DOMParser().parseFromString(source, "text/html");
    if (!removeForbidden(page) && attempt) {
      const head = `<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${PREVIEW_POLICY}">`
        + '<meta http-equiv="x-dns-prefetch-control" content="off"><style>:root{color-scheme:light;background:#fff}'
        + "body>svg:only-child{display:block;margin:auto;max-width:100%;max-height:calc(100vh - 16px)}</style>";
      page.head.insertAdjacentHTML("afterbegin", head);
      return `<!doctype html>${page.documentElement.outerHTML}`;
    }
    source = page.documentElement.outerHTML;
  }
  return null;
};

const togglePreview = (block, button) => {
  const open = block.querySelector(":scope > .antler-preview");
  if (open) open.remove();
  else {
    const box = createElement("div", "antler-preview");
    const source = previewDocument(codeOf(block));
    if (source !== null) {
      const frame = createElement("iframe", "", { title: labelOf("preview_title"), referrerPolicy: "no-referrer" });
      frame.setAttribute("sandbox", "");
      frame.srcdoc = source;
      box.append(frame);
    }
    box.append(createElement("p", "", { textContent: labelOf(source === null ? "preview_failed" : "preview_about") }));
    block.append(box);
  }
  button.setAttribute("aria-expanded", String(!open));
  setLabel(button, labelOf(open ? "preview" : "preview_close"));
};

const toggleWrap = (block, button) => {
  const isWrapped = block.toggleAttribute("data-wrapped");
  button.setAttribute("aria-pressed", String(isWrapped));
};

const setCollapsed = (block, toggle, isCollapsed, count) => {
  block.toggleAttribute("data-collapsed", isCollapsed);
  toggle.textContent = isCollapsed ? labelOf("show_all", { count }) : labelOf("show_less");
  toggle.setAttribute("aria-expanded", String(!isCollapsed));
};

const addToggle = (block, count) => {
  const toggle = createElement("button", "antler-show-all", { type: "button" });
  toggle.onclick = () => {
    const isCollapsed = !block.hasAttribute("data-collapsed");
    setCollapsed(block, toggle, isCollapsed, count);
    if (isCollapsed) toggle.scrollIntoView({ block: "nearest" });
  };
  // An answer that was read while it arrived stays open.
  setCollapsed(block, toggle, !tools.seenLive.has(messageIdOf(block)), count);
  block.append(toggle);
};

const createCodeBar = (block) => {
  const bar = createElement("div", "antler-code-bar");
  bar.append(
    createElement("span", "antler-code-language", { translate: false }),
    createButton("wrap", "wrap_text", labelOf("wrap"), (button) => toggleWrap(block, button)),
    createButton("download", "download", labelOf("download"), () => {
      const code = codeOf(block);
      saveFile(fileNameOf(languageOf(block), code), code.endsWith("\n") ? code : `${code}\n`, "text/plain");
    }),
    createButton("copy", "content_copy", labelOf("copy"), (button) => copyAndConfirm(button, codeOf(block)))
  );
  bar.querySelector(".antler-wrap").setAttribute("aria-pressed", "false");
  return bar;
};

// React shows another text in the same elements, such as another version of an answer.
const resetCodeBlock = (block) => {
  block.querySelectorAll(":scope > [class*=antler-]").forEach((element) => element.remove());
  delete block.dataset.wrapped;
  delete block.dataset.collapsed;
  block.antlerCode = undefined;
};

const finishCodeBlock = (block, bar, language) => {
  const code = (block.antlerCode = codeOf(block)), count = code.split("\n").length;
  if (hasPreview(language, code)) {
    const button = createButton("show-preview", "visibility", labelOf("preview"), () => togglePreview(block, button));
    button.append(createElement("span", "", { textContent: labelOf("preview") }));
    button.setAttribute("aria-expanded", "false");
    bar.firstElementChild.after(button);
  }
  sizes.observe(block.querySelector('[data-testid="stCode"] pre'));
  // A long question collapses as a whole.
  if (count > MAX_OPEN_LINES && block.closest('[class*="st-key-answer-"]')) addToggle(block, count);
};

const updateCodeBlock = (block, isGrowing) => {
  if (!block.querySelector('[data-testid="stCode"] pre')) return;
  const language = languageOf(block);
  let bar = block.querySelector(":scope > .antler-code-bar");
  if (block.antlerCode !== undefined && (block.antlerCode !== codeOf(block) || bar?.dataset.language !== language)) {
    resetCodeBlock(block);
    bar = null;
  }
  if (!bar) block.prepend((bar = createCodeBar(block)));
  if (bar.dataset.language !== language) {
    bar.dataset.language = language;
    bar.firstElementChild.textContent = languageName(language);
  }
  if (block.antlerCode === undefined && !isGrowing) finishCodeBlock(block, bar, language);
};
