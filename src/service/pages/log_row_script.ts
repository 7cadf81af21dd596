/**
 * The part of the log viewer's script that makes rows, folds groups and marks lines.
 *
 * @module
 */

/** Functions inside of the viewer's script, which has `box`, `folded`, `selection` and `hit`. */
export const LOG_ROW_SCRIPT: string = String.raw`
  const spansOf = (parts) => parts.map(([text, classes]) => {
    if (classes === "") return text;
    const span = document.createElement("span");
    span.className = classes;
    span.textContent = text;
    return span;
  });

  const element = ({ at, line, continued, time, marker, parts, more }) => {
    const row = document.createElement("div");
    row.className = "row";
    row.id = "b=" + at;
    row.dataset.at = at;
    if (marker !== undefined) row.dataset.marker = marker;
    if (continued) row.dataset.continued = "";
    const link = document.createElement("a");
    link.className = "ln";
    link.tabIndex = -1;
    const content = document.createElement("span");
    content.className = "tx";
    if (time !== undefined) {
      const stamp = document.createElement("time");
      stamp.className = "ts";
      stamp.textContent = time + " ";
      content.append(stamp);
    }
    content.append(...spansOf(parts));
    if (more !== undefined) {
      const rest = document.createElement("details");
      const summary = document.createElement("summary");
      rest.className = "more";
      const length = more.reduce((sum, [text]) => sum + text.length, 0);
      summary.textContent = length.toLocaleString("en") + " more characters";
      rest.append(summary, ...spansOf(more));
      content.append(rest);
    }
    row.append(link, content);
    number(row, line);
    decorate(row);
    return row;
  };

  const number = (row, line) => {
    const link = row.firstElementChild;
    const isFirst = row.dataset.continued === undefined;
    if (line !== undefined) row.dataset.line = line;
    link.href = line === undefined ? "#b=" + row.dataset.at : "#L" + line;
    link.dataset.n = isFirst ? line ?? "~" : "↳";
    link.setAttribute("aria-label", line === undefined ? "byte " + row.dataset.at : "line " + line);
    if (line !== undefined && isFirst) link.id = "L" + line;
  };

  /** A row that begins a group can be folded. */
  const decorate = (row) => {
    if (row.dataset.marker !== "group") return;
    const button = document.createElement("button");
    button.type = "button";
    button.className = "fold";
    button.setAttribute("aria-label", "Group");
    button.setAttribute("aria-expanded", "true");
    button.addEventListener("click", () => {
      const { at } = row.dataset;
      if (!folded.delete(at)) folded.add(at);
      fold();
    });
    row.lastElementChild.prepend(button);
  };

  const fold = () => {
    let isHidden = false;
    for (const row of box.children) {
      const { marker, at } = row.dataset;
      if (marker === "group") {
        isHidden = folded.has(at);
        row.hidden = false;
        row.querySelector(".fold").setAttribute("aria-expanded", String(!isHidden));
      } else {
        row.hidden = isHidden;
        if (marker === "endgroup") isHidden = false;
      }
    }
  };

  const isSelected = (row) => {
    if (selection === undefined) return false;
    const value = Number(row.dataset[selection.by]);
    return value >= selection.from && value <= selection.to;
  };
  const paint = () => {
    for (const row of box.children) {
      row.classList.toggle("selected", isSelected(row));
      row.classList.toggle("hit", Number(row.dataset.at) === hit);
    }
  };
`;
