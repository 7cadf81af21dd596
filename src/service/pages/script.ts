/**
 * The behaviour of all pages: keys, buttons that copy. The pages are complete without it.
 *
 * @module
 */

/** The script. It makes no HTML from texts. */
export const SCRIPT: string = String.raw`
(() => {
  document.documentElement.classList.add("has-script");
  const help = document.getElementById("help");
  const rows = () => [...document.querySelectorAll("table.list tbody tr, ul.links li, ol.matches li")]
    .filter((row) => row.offsetParent !== null && row.querySelector("a[href]") !== null);
  let current = -1;

  const move = (step) => {
    const all = rows();
    if (all.length === 0) return;
    all[current]?.classList.remove("current");
    current = Math.max(0, Math.min(all.length - 1, current + step));
    const row = all[current];
    row.classList.add("current");
    (row.querySelector("td.main a") ?? row.querySelector("a[href]")).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };

  addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const isTyping = target instanceof HTMLInputElement || target instanceof HTMLSelectElement ||
      target instanceof HTMLTextAreaElement;
    if (isTyping) {
      if (key === "Escape") target.blur();
      return;
    }
    if (help.open) return;
    if (key === "/") {
      const field = document.querySelector("[data-search]");
      if (field === null) return;
      event.preventDefault();
      field.focus();
      field.select();
    } else if (key === "?") {
      event.preventDefault();
      help.showModal();
    } else if ((key === "j" || key === "k") && document.getElementById("log") === null) {
      move(key === "j" ? 1 : -1);
    }
  });

  const shortcuts = document.createElement("button");
  shortcuts.type = "button";
  shortcuts.className = "keys";
  shortcuts.textContent = "Keys: ?";
  shortcuts.addEventListener("click", () => help.showModal());
  document.querySelector("header").append(shortcuts);

  // The rows of this page, by a column.
  const collator = new Intl.Collator("en", { numeric: true });
  const valueOf = (cell) =>
    cell.dataset.value ?? cell.querySelector("time")?.dateTime ?? cell.textContent.trim();
  for (const header of document.querySelectorAll("th[data-sorts]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "sorts";
    button.append(...header.childNodes);
    button.title = "Sort the rows of this page";
    header.append(button);
    button.addEventListener("click", () => {
      const isDown = header.getAttribute("aria-sort") === "ascending";
      for (const one of header.parentElement.cells) one.removeAttribute("aria-sort");
      header.setAttribute("aria-sort", isDown ? "descending" : "ascending");
      const body = header.closest("table").tBodies[0];
      const sorted = [...body.rows].map((row) => [valueOf(row.cells[header.cellIndex]), row])
        .sort(([a], [b]) => collator.compare(a, b) * (isDown ? -1 : 1));
      body.append(...sorted.map(([, row]) => row));
      current = -1;
    });
  }

  // Empty fields are no filters: without them the address is short.
  for (const form of document.querySelectorAll("form[method=get]")) {
    form.addEventListener("submit", () => {
      for (const field of form.elements) if (field.name !== "" && field.value === "") field.disabled = true;
    });
  }
  addEventListener("pageshow", () => {
    for (const field of document.querySelectorAll("form[method=get] :disabled")) field.disabled = false;
  });

  for (const code of document.querySelectorAll("code.hash")) {
    code.tabIndex = 0;
    code.setAttribute("role", "button");
    code.title = "Copy " + code.textContent;
    const copy = async () => {
      try {
        await navigator.clipboard.writeText(code.textContent);
        code.title = "Copied " + code.textContent;
      } catch {
        getSelection().selectAllChildren(code);
      }
    };
    code.addEventListener("click", copy);
    code.addEventListener("keydown", (event) => {
      if (event.key === "Enter") copy();
    });
  }
  for (const box of document.querySelectorAll(".copy")) {
    const pre = box.querySelector("pre");
    const here = new URL(pre.dataset.base, location.href.replace(/[?#].*/s, "")).href;
    pre.textContent = pre.textContent.replaceAll(pre.dataset.root, here);
    const depth = new URL(here).pathname.split("/").length - 2 + 3;
    pre.textContent = pre.textContent.replace(/--cut-dirs=\d+/, "--cut-dirs=" + depth);
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy: " + box.querySelector("h3").textContent);
    button.addEventListener("click", async () => {
      let isCopied = false;
      try {
        await navigator.clipboard.writeText(pre.textContent);
        isCopied = true;
      } catch {
        // Only pages from https or this machine may write there.
        getSelection().selectAllChildren(pre);
      }
      button.textContent = isCopied ? "Copied" : "Selected";
      setTimeout(() => button.textContent = "Copy", 2000);
    });
    box.append(button);
  }
})();
`;
