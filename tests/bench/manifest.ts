/**
 * The outputs manifest of a run of a million files: the time per file of making its text, reading
 * it, merging its parts and holding it against a listing, and the memory that takes.
 *
 *     deno task bench:manifest [FILES] [PARTS]
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

const [count = 1_000_000, parts = 10] = Deno.args.map(Number);

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
  const mib = (bytes: number) => `${Math.round(bytes / 1024 / 1024)} MiB`;
  console.log(
    `${name.padEnd(44)} ${(ms / 1000).toFixed(2).padStart(6)} s ` +
      `${(ms * 1000 / count).toFixed(2).padStart(6)} µs a file, rss ${mib(rss)}, heap ` +
      `${mib(heapUsed)}${typeof result === "string" ? `; ${result}` : ""}`,
  );
}

console.log(`${count} files in ${parts} parts`);
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
console.log(`parsePart, of a text in memory (${some.length} files): ${us.toFixed(2)} µs a file`);
