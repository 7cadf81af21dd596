/**
 * The difference of a run from another one, on its page.
 *
 * @module
 */

import { formatBytes } from "../../layout/words.ts";
import { type DiffedFile, diffRuns, type FileChange } from "../../operations/diff/diff.ts";
import { DiffTotals } from "../../operations/diff/totals.ts";
import { scanRuns } from "../../operations/retained/scan.ts";
import { parseRunKey } from "../../runs/retention/run_key.ts";
import type { CallOptions } from "../../storage/backend.ts";
import type { ServiceContext } from "../context.ts";
import { grouped, type Html, markup, nameOf, runPath } from "./page.ts";

/** How long the run before is looked for, in milliseconds. */
const BUDGET = 2000;

/** How many files are shown. */
const MAX_SHOWN = 200;

/** How many paths are compared. */
const MAX_COMPARED = 50_000;

/** How each change is shown. */
const MARKS: Readonly<Record<Exclude<FileChange, "same">, readonly [look: string, mark: string]>> =
  {
    added: ["good", "+"],
    removed: ["bad", "−"],
    changed: ["warn", "≠"],
    unsure: ["plain", "?"],
  };

/**
 * Compares a run with another one by hashes and sizes; no file is read.
 *
 * @param context The service.
 * @param key The run's key.
 * @param wanted The key or id of the other run, or `before` for the one before it, of the same
 * repository, workflow and platform.
 * @param options The root of the service, a signal.
 * @returns The totals, and the first files that differ.
 */
export async function runDifference(
  { index }: ServiceContext,
  key: string,
  wanted: string,
  { base, signal }: CallOptions & { readonly base: string },
): Promise<Html> {
  const other = wanted === "before"
    ? await runBefore()
    : (await index.find(wanted, {}, { signal })).key;
  if (other === undefined) {
    return markup`<p class="none">No run before this one was found that has the same repository, workflow and platform.</p>`;
  }
  const totals = new DiffTotals();
  const shown: DiffedFile[] = [];
  let count = 0;
  const sides = [other, key].map((name) => ({
    backend: index.backend,
    root: index.root(parseRunKey(name)),
  }));
  for await (const file of diffRuns(sides[0], sides[1], { signal })) {
    if (count === MAX_COMPARED) break;
    count++;
    totals.add(file);
    if (file.change !== "same" && shown.length < MAX_SHOWN) shown.push(file);
  }
  const { all: { changes, a, b } } = totals;
  const differing = changes.added + changes.removed + changes.changed + changes.unsure;
  const growth = b.bytes - a.bytes;
  return markup`<p>Compared with <a href="${base}${runPath(other)}">${nameOf(other)}</a>:
${
    (["added", "removed", "changed", "unsure"] as const).map((change) =>
      changes[change] === 0
        ? ""
        : markup`<span class="badge ${MARKS[change][0]}">${
          grouped(changes[change])
        } ${change}</span> `
    )
  }<span class="badge plain">${grouped(changes.same)} same</span>
${growth < 0 ? "−" : "+"}${formatBytes(Math.abs(growth))}${
    count === MAX_COMPARED ? markup`, of the first ${grouped(MAX_COMPARED)} files` : ""
  }</p>
<ul class="links diff">${
    shown.map(({ path, change, a, b }) => {
      const [look, mark] = MARKS[change as Exclude<FileChange, "same">];
      const of = change === "removed" ? other : key;
      const sizes = [a, b].filter((side) => side !== undefined).map(({ size }) =>
        size === undefined ? "?" : formatBytes(size)
      );
      return markup`<li><span class="mark ${look}" title="${change}"><span aria-hidden="true">${mark}</span><span class="hidden">${change}</span></span>
<a href="${base}${runPath(of, "view", path)}">${nameOf(path)}</a> <small>${
        [...new Set(sizes)].join(" → ")
      }</small></li>
`;
    })
  }</ul>${
    differing > shown.length
      ? markup`<p class="sum">and ${
        grouped(differing - shown.length)
      } more: <code>run-outputs diff</code> shows all</p>`
      : ""
  }`;

  async function runBefore(): Promise<string | undefined> {
    const { repository, workflow, platform } = await index.find(key, {}, { signal });
    const { runs } = await scanRuns(index, {
      filter: { repo: repository, workflow, platform },
      after: parseRunKey(key),
      limit: 1,
      budget: BUDGET,
      signal,
    });
    return runs.at(0)?.key;
  }
}
