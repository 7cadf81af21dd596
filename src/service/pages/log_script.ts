/**
 * The behaviour of the log viewer: it loads the rows around the place that is looked at, so that a
 * log can have any size. The scroll bar shows a place in bytes, because nobody has counted the lines yet.
 *
 * @module
 */

import { LOG_ROW_SCRIPT } from "./log_row_script.ts";

/** The script. It makes no HTML from texts. */
export const LOG_SCRIPT: string = String.raw`
(() => {
  const log = document.getElementById("log");
  if (log === null) return;
  const box = document.getElementById("rows");
  const note = document.getElementById("note");
  const form = document.getElementById("find");
  const { etag, search } = log.dataset;
  const size = Number(log.dataset.size);
  // How many rows the page keeps, and how many are loaded at once.
  const KEPT = 5000;
  const AROUND = 100;
  // Elements end at some 17 million pixels.
  const MAX_HEIGHT = 8e6;
  // With groups folded, nothing may fill the window: so often more is loaded until the reader acts.
  const MAX_UNASKED = 20;
  // So near to the end of what is loaded, more is loaded, in pixels.
  const NEAR = 1500;

  let start = Number(log.dataset.start);
  let end = Number(log.dataset.end);
  let version = 0;
  let isLoading = false;
  let isGone = false;
  let unasked = 0;
  let pixels = 0;
  let hit;
  let selection;
  const folded = new Set();

  const above = document.createElement("div");
  const below = document.createElement("div");
  box.before(above);
  box.after(below);

  const say = (text) => note.textContent = text;

  const ask = async (url, params) => {
    const answer = await fetch(url + "?" + new URLSearchParams(params), {
      headers: { accept: "application/json" },
    });
    if (answer.ok) return await answer.json();
    let problem = {};
    try {
      problem = await answer.json();
    } catch {
      // A proxy's answer, perhaps.
    }
    if (problem.type === "urn:run-outputs:file-changed") gone();
    throw new Error(problem.detail ?? "The service answered with status " + answer.status);
  };
  const load = (params) => ask(location.pathname, { ...params, etag });

  const gone = () => {
    if (isGone) return;
    isGone = true;
    const banner = document.createElement("p");
    banner.className = "banner bad";
    banner.setAttribute("role", "alert");
    const link = document.createElement("a");
    link.href = location.pathname;
    link.textContent = "Load it again";
    banner.append("This file was replaced or deleted while you were reading it. ", link);
    note.before(banner);
  };

  ${LOG_ROW_SCRIPT}

  const spaces = () => {
    if (pixels === 0 && end > start) {
      pixels = Math.min(box.offsetHeight / (end - start), MAX_HEIGHT / Math.max(1, size));
    }
    above.style.height = Math.round(start * pixels) + "px";
    below.style.height = Math.round((size - end) * pixels) + "px";
  };

  /** Changes the rows; one of them stays where it is on the screen. */
  const keeping = (row, change) => {
    const before = row?.getBoundingClientRect().top;
    change();
    fold();
    paint();
    spaces();
    if (row?.isConnected && !row.hidden) log.scrollTop += row.getBoundingClientRect().top - before;
  };

  const drop = (isFirst) => {
    let count = box.children.length - KEPT;
    if (count <= 0) return;
    if (isFirst) {
      while (count-- > 0) box.firstElementChild.remove();
      start = Number(box.firstElementChild.dataset.at);
    } else {
      while (count-- > 0) {
        end = Number(box.lastElementChild.dataset.at);
        box.lastElementChild.remove();
      }
    }
  };

  const extend = async (isBack) => {
    if (isLoading || isGone || unasked === MAX_UNASKED) return;
    isLoading = true;
    unasked++;
    const mine = version;
    try {
      const more = await load(isBack ? { at: start, back: true } : { at: end });
      if (mine !== version) return;
      keeping(isBack ? box.firstElementChild : box.lastElementChild, () => {
        const rows = more.rows.map(element);
        if (isBack) box.prepend(...rows);
        else box.append(...rows);
        if (isBack) start = more.start;
        else end = more.end;
        drop(!isBack);
      });
    } catch (error) {
      say(error.message);
      return;
    } finally {
      if (mine === version) isLoading = false;
    }
    look();
  };

  /** Shows another place; returns the row there. */
  const show = async (params, { where = "center" } = {}) => {
    const mine = ++version;
    isLoading = true;
    try {
      const window = await load(params);
      const before = where === "center" && window.start > 0
        ? await load({ at: window.start, back: true, count: AROUND })
        : { start: window.start, rows: [] };
      if (mine !== version) return undefined;
      const target = where === "end" ? window.rows.at(-1) : window.rows[0];
      box.replaceChildren(...[...before.rows, ...window.rows].map(element));
      start = before.start;
      end = window.end;
      fold();
      paint();
      spaces();
      const row = target === undefined ? null : document.getElementById("b=" + target.at);
      unfold(row);
      row?.scrollIntoView({ block: where });
      return row ?? undefined;
    } catch (error) {
      if (mine === version) say(error.message);
      return undefined;
    } finally {
      if (mine === version) isLoading = false;
    }
  };

  /** Opens the group that hides a row. */
  const unfold = (row) => {
    if (!row?.hidden) return;
    let group = row;
    while (group !== null && group.dataset.marker !== "group") group = group.previousElementSibling;
    if (group !== null) folded.delete(group.dataset.at);
    fold();
  };

  /** Goes to the row that has a byte. */
  const go = async (at) => {
    if (at >= start && at < end) {
      const row = [...box.children].findLast((one) => Number(one.dataset.at) <= at);
      if (row !== undefined) {
        unfold(row);
        row.scrollIntoView({ block: "center" });
        look();
        return row;
      }
    }
    const row = await show({ at });
    look();
    return row;
  };

  let isWaiting = false;
  let jumps;
  const look = () => {
    if (isWaiting) return;
    isWaiting = true;
    requestAnimationFrame(() => {
      isWaiting = false;
      const view = log.getBoundingClientRect();
      const loaded = box.getBoundingClientRect();
      if (loaded.top > view.bottom || loaded.bottom < view.top) {
        clearTimeout(jumps);
        jumps = setTimeout(jump, 60);
      } else if (start > 0 && loaded.top > view.top - NEAR) extend(true);
      else if (end < size && loaded.bottom < view.bottom + NEAR) extend(false);
    });
  };

  /** The scroll bar was moved to a place that is not loaded. */
  const jump = () => {
    const view = log.getBoundingClientRect();
    const loaded = box.getBoundingClientRect();
    const isAbove = loaded.top > view.bottom;
    if (!isAbove && loaded.bottom >= view.top) return look();
    if (log.scrollTop + log.clientHeight >= log.scrollHeight - 4) return toEnd();
    unasked = 0;
    const at = isAbove
      ? log.scrollTop / pixels
      : end + (log.scrollTop - above.offsetHeight - box.offsetHeight) / pixels;
    show({ at: Math.max(0, Math.min(size - 1, Math.floor(at))) }, { where: "start" }).then(look);
  };
  log.addEventListener("scroll", look, { passive: true });
  for (const name of ["wheel", "touchmove", "pointerdown", "keydown"]) {
    addEventListener(name, () => {
      unasked = 0;
      look();
    }, { passive: true });
  }
  addEventListener("resize", look);

  const toStart = async () => {
    if (start > 0) await show({ at: 0 }, { where: "start" });
    log.scrollTop = 0;
    look();
  };
  const toEnd = async () => {
    if (end < size) await show({ back: true }, { where: "end" });
    log.scrollTop = log.scrollHeight;
    look();
  };

  // Numbers of lines.
  const count = async () => {
    let first;
    try {
      while (!(await load({ at: start, count: 1, number: true })).counted);
      first = await load({ at: start, count: 1 });
    } catch {
      // The rows stay without numbers; a file that was replaced has its banner.
      return;
    }
    let line;
    for (const row of box.children) {
      if (Number(row.dataset.at) === first.start) line = first.rows[0]?.line;
      else if (line !== undefined && row.dataset.continued === undefined) line++;
      if (line !== undefined) number(row, line);
    }
    paint();
  };

  // Selected lines.
  const follow = async () => {
    const [, first, last] = /^#L(\d+)(?:-L?(\d+))?$/.exec(location.hash) ?? [];
    const [, from, to] = /^#b=(\d+)(?:-(\d+))?$/.exec(location.hash) ?? [];
    if (first === undefined && from === undefined) return false;
    const [low, high] = first === undefined ? [from, to ?? from] : [first, last ?? first];
    selection = {
      by: first === undefined ? "at" : "line",
      from: Math.min(low, high),
      to: Math.max(low, high),
    };
    const row = first !== undefined
      ? document.getElementById("L" + selection.from) ?? await show({ line: selection.from })
      : await go(selection.from);
    if (first === undefined && row !== undefined) selection.from = Number(row.dataset.at);
    unfold(row);
    row?.scrollIntoView({ block: "center" });
    paint();
    look();
    return true;
  };
  addEventListener("hashchange", follow);
  box.addEventListener("click", (event) => {
    const link = event.target.closest?.("a.ln");
    if (!link) return;
    event.preventDefault();
    const { line, at } = link.parentElement.dataset;
    const by = line === undefined ? "at" : "line";
    const value = Number(line ?? at);
    const other = event.shiftKey && selection?.by === by ? selection.from : value;
    selection = { by, from: Math.min(value, other), to: Math.max(value, other) };
    const range = selection.from === selection.to ? "" : "-" + (by === "line" ? "L" : "") + selection.to;
    history.replaceState(null, "", (by === "line" ? "#L" : "#b=") + selection.from + range);
    paint();
  });

  // Search.
  let searching = 0;
  let wraps = "";
  const find = async (what, isBack) => {
    const mine = ++searching;
    const params = what === "problems" ? { problems: true } : { q: form.elements.q.value };
    if (params.q === "") return form.elements.q.focus();
    if (what !== "problems" && form.elements.regex.checked) params.regex = true;
    if (isBack) params.back = true;
    const id = JSON.stringify(params);
    const visible = [...box.children].filter((row) => {
      const { top, bottom } = row.getBoundingClientRect();
      const view = log.getBoundingClientRect();
      return bottom > view.top && top < view.bottom;
    });
    const seen = hit ?? Number((isBack ? visible.at(-1) : visible[0])?.dataset.at ?? 0);
    const from = wraps === id ? (isBack ? size : 0) : isBack ? seen : hit === undefined ? seen : seen + 1;
    let place = { at: Math.min(from, size) };
    let bytes = 0;
    wraps = "";
    say("Searching…");
    try {
      for (;;) {
        const answer = await ask(search, { ...params, ...place, limit: 1 });
        if (mine !== searching) return;
        if (answer.etag !== etag) return gone();
        bytes += answer.bytes;
        const [match] = answer.matches;
        if (match !== undefined) {
          hit = match.at;
          await go(match.at);
          paint();
          say(match.line === undefined ? "Match" : "Match in line " + match.line.toLocaleString("en"));
          return;
        }
        if (answer.next === undefined) break;
        place = { cursor: answer.next };
        say("Searching… " + Math.round(bytes / 1e6) + " MB");
      }
      wraps = id;
      const name = what === "problems" ? "problem" : "match";
      say(isBack
        ? "No " + name + " before this place. Again: from the end."
        : "No " + name + " after this place. Again: from the start.");
    } catch (error) {
      if (mine === searching) say(error.message);
    }
  };
  form.addEventListener("submit", (event) => {
    if (event.submitter?.hasAttribute("formaction")) return;
    event.preventDefault();
    find("text", event.submitter === null ? isShifted : false);
  });
  let isShifted = false;
  form.elements.q.addEventListener("keydown", (event) => {
    isShifted = event.shiftKey;
    if (event.key !== "Enter") return;
    event.preventDefault();
    find("text", event.shiftKey);
  });
  form.elements.q.addEventListener("input", () => hit = undefined);

  const toggle = (name, className) => {
    const button = document.querySelector("[data-do=" + name + "]");
    const view = log.getBoundingClientRect();
    const anchor = [...box.children].find((row) => row.getBoundingClientRect().bottom > view.top);
    keeping(anchor, () => {
      button.setAttribute("aria-pressed", String(log.classList.toggle(className)));
    });
  };
  const actions = {
    next: () => find("text", false),
    before: () => find("text", true),
    problem: () => find("problems", false),
    "problem-before": () => find("problems", true),
    wrap: () => toggle("wrap", "wrapped"),
    times: () => toggle("times", "timed"),
    start: toStart,
    end: toEnd,
  };
  for (const [name, action] of Object.entries(actions)) {
    document.querySelector("[data-do=" + name + "]").addEventListener("click", action);
  }
  document.querySelector("form.line").addEventListener("submit", (event) => {
    event.preventDefault();
    const { value } = event.target.elements.line;
    if (value === "") return;
    const isSame = location.hash === "#L" + value;
    location.hash = "#L" + value;
    if (isSame) follow();
    log.focus({ preventScroll: true });
  });

  const foldAll = () => {
    const groups = [...box.children].filter((row) => row.dataset.marker === "group");
    const isOpen = groups.some((row) => !folded.has(row.dataset.at));
    for (const { dataset: { at } } of groups) isOpen ? folded.add(at) : folded.delete(at);
    fold();
    look();
  };
  const keys = {
    w: actions.wrap,
    t: actions.times,
    n: actions.problem,
    p: actions["problem-before"],
    g: toStart,
    G: toEnd,
    f: foldAll,
  };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.getElementById("help").open) return;
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    keys[event.key]?.();
  });

  for (const row of box.children) decorate(row);
  spaces();
  (async () => {
    const query = new URLSearchParams(location.search);
    const isElsewhere = query.has("at") || query.has("line");
    if (!await follow()) {
      if (isElsewhere) log.scrollTop = above.offsetHeight;
      else log.scrollTop = log.scrollHeight;
    }
    log.focus({ preventScroll: true });
    look();
    if (log.dataset.count === "yes" && end > start) await count();
  })();
})();
`;
