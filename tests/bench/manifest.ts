/**
 * The outputs manifest of a run of a million files: the time per file of making its text, reading
 * it, merging its parts and holding it against a listing, and the memory that takes.
 *
 *     deno task bench:manifest [FILES] [PARTS] [--json FILE]
 *
 * @module
 */

import {
  compareListing,
  listOutputs,
  listRun,
} from "../../src/operations/manifest/list_outputs.ts";
import { readOutputs } from "../../src/operations/manifest/read.ts";
import { inOrder, partText } from "../../src/runs/format_part.ts";
import { parsePart } from "../../src/runs/manifest.ts";
import { piecesSource } from "../../src/storage/byte_source.ts";
import { filesOf, hugeRun } from "../support/huge_run.ts";
import { manifestPart } from "../support/manifest.ts";
import { OURS, Report, VERSION } from "./report.ts";

const report = new Report();
const [count = 1_000_000, parts = 10] = report.args.map(Number);
const FILES = count.toLocaleString("en-US");

async function drain(all: AsyncIterable<unknown>): Promise<number> {
  let n = 0;
  for await (const _ of all) n++;
  return n;
}

async function measure(name: string, run: () => Promise<unknown> | unknown): Promise<void> {
  const began = performance.now();
  const result = await run();
  const ms = performance.now() - began;
  const { rss, heapUsed } = Deno.memoryUsage();
  add(
    name,
    ms * 1000 / count,
    rss,
    [
      `heap ${Math.round(heapUsed / 1024 / 1024)} MiB`,
      ...(typeof result === "string" ? [result] : []),
    ].join("; "),
  );
}

/** Adds a row: microseconds a file. */
function add(name: string, value: number, rss?: number, note?: string): void {
  report.add({
    case: name,
    tool: OURS,
    version: VERSION,
    value,
    unit: "µs a file",
    better: "lower",
    memory: rss && rss / 1024 / 1024,
    note,
  });
}

console.log(`${FILES} files in ${parts} parts`);
const head = manifestPart("p", []);
await measure("making the files' values, for comparison", () => {
  for (const _ of filesOf(count, 0, 1));
});
await measure("the text of one part, with its hash", () => {
  const { size } = piecesSource(() => partText(head, filesOf(count, 0, 1)));
  return `${Math.round(size / 1024 / 1024)} MiB`;
});
const { root, backend } = hugeRun(count, parts, true);
await measure("readOutputs: all parts, checked", () => readOutputs(backend, root));
const manifest = await readOutputs(backend, root);
await measure(
  "listRun by the manifest: read again, merged",
  () => drain(listRun(backend, root, manifest)),
);
await measure("the listing alone", () => drain(listOutputs(backend, root)));
await measure("compareListing: both", () => compareListing(backend, root, manifest));
const some = [...filesOf(Math.min(count, 200_000), 0, 1)];
const text = JSON.stringify({ ...head, files: inOrder(some) });
const began = performance.now();
parsePart(text, "p");
const us = (performance.now() - began) * 1000 / some.length;
add(`parsePart, of a text in memory (${some.length.toLocaleString("en-US")} files)`, us);
