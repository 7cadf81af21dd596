/**
 * The behaviour of index pages: sort by a column, filter by a text. One inline script that needs no
 * server; without it the lists are complete and sorted.
 *
 * @module
 */

/** The script. It reads only the page itself. */
export const SCRIPT = `
(() => {
  "use strict";
  const $ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const tables = $("table");
  const rows = $("tbody tr");
  for (const pre of $("pre[data-here]")) {
    pre.textContent = pre.textContent.replaceAll(pre.dataset.here,
      new URL(pre.dataset.link, location.href.replace(/[?#].*/s, "")).href);
    // pip reads a simple index by directory. Not every server has pages of directories: S3 has none.
    if (location.protocol === "file:" || location.pathname.endsWith("/")) pre.hidden = false;
  }
  document.documentElement.className = "js";

  const decoded = (path) => {
    try {
      return decodeURIComponent(path);
    } catch {
      // Not every % of an address is an encoding.
      return path;
    }
  };
  // The rest of the command depends on where the page is: a directory, or a bucket.
  for (const pre of $("pre[data-key]")) {
    const path = decoded(location.pathname);
    const key = "/" + pre.dataset.key;
    const end = path.endsWith("/") ? path + "index.html" : path;
    if (!end.endsWith(key)) continue;
    const above = end.slice(0, -key.length);
    const quoted = (word) => /^[\\w./:@%+,=-]+$/.test(word) ? word : "'" + word.replaceAll("'", "'\\\\''") + "'";
    const [, bucket] = /^([a-z0-9.-]+?)\\.s3[a-z0-9.-]*\\.amazonaws\\.com$/.exec(location.hostname) ?? [];
    const windows = /^\\/[A-Za-z]:/.test(above);
    if (location.protocol === "file:") pre.append(" --staging-dir " + quoted((windows ? above.slice(1) : above) || "/"));
    else if (bucket !== undefined && above === "") pre.append(" --bucket " + bucket);
    else continue;
    for (const hint of $("[data-elsewhere]")) hint.hidden = true;
  }
  const copy = async (text, shown) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without the permission, or without TLS: the reader copies the selection.
      getSelection().selectAllChildren(shown);
      return false;
    }
    return true;
  };
  for (const box of $(".copy")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Copy";
    button.addEventListener("click", async () => {
      const pre = box.querySelector("pre");
      button.textContent = await copy(pre.textContent, pre) ? "Copied" : "Selected";
    });
    box.append(button);
  }
  for (const code of $(".h code")) {
    code.tabIndex = 0;
    code.setAttribute("role", "button");
    code.title = "Copy " + code.textContent;
    const take = async () => code.title = (await copy(code.textContent, code) ? "Copied " : "Selected ") + code.textContent;
    code.addEventListener("click", take);
    code.addEventListener("keydown", (event) => {
      if (event.key === "Enter") take();
    });
  }
  if (rows.length === 0) return;

  const texts = rows.map((row) => row.cells[0].textContent.toLowerCase());
  const input = $("input")[0];
  const output = $("output")[0];
  const unmatched = $("#unmatched")[0];
  const filter = () => {
    const words = input.value.toLowerCase().split(/\\s+/).filter((word) => word !== "");
    let shown = 0;
    rows.forEach((row, i) => {
      row.hidden = !words.every((word) => texts[i].includes(word));
      if (!row.hidden) shown++;
    });
    for (const table of tables) {
      table.parentElement.hidden = words.length > 0 && table.querySelector("tbody tr:not([hidden])") === null;
    }
    output.value = words.length > 0 ? shown + " of " + rows.length : "";
    unmatched.hidden = shown > 0;
  };
  input.addEventListener("input", filter);
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey ||
      event.target === input) return;
    event.preventDefault();
    input.focus();
  });
  $(".tools")[0].hidden = false;
  if (input.value !== "") filter();

  const collator = new Intl.Collator("en", { numeric: true });
  const value = (row, column) => {
    const cell = row.cells[column];
    return column === 0 ? row.cells[0].textContent : cell.dataset.v === undefined ? NaN : +cell.dataset.v;
  };
  for (const table of tables) {
    const headers = $("th", table);
    const body = table.tBodies[0];
    headers.forEach((header, column) => {
      const button = header.querySelector("button");
      if (button === null) return;
      button.addEventListener("click", () => {
        const before = header.getAttribute("aria-sort");
        // Largest and newest first, names from A.
        const down = before === null ? column > 0 : before === "ascending";
        for (const other of headers) other.removeAttribute("aria-sort");
        header.setAttribute("aria-sort", down ? "descending" : "ascending");
        const keyed = [...body.rows].map((row) => ({
          row, dir: row.className === "d" ? 0 : 1, key: value(row, column),
        }));
        keyed.sort((a, b) => {
          if (a.dir !== b.dir) return a.dir - b.dir;
          const order = typeof a.key === "string"
            ? collator.compare(a.key, b.key)
            : (isNaN(a.key) ? -1 : a.key) - (isNaN(b.key) ? -1 : b.key);
          return down ? -order : order;
        });
        for (const { row } of keyed) body.append(row);
      });
    });
  }
})();
`;
