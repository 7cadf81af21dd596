/**
 * Reads a huge run in a process whose memory is limited: `huge_run_child.ts COUNT`.
 *
 * @module
 */

import { compareListing, listRun } from "../../src/operations/manifest/list_outputs.ts";
import { readOutputs } from "../../src/operations/manifest/read.ts";
import { hugeRun } from "./huge_run.ts";

const count = Number(Deno.args[0]);
const seen: number[] = [];
for (const complete of [true, false]) {
  const { root, backend } = hugeRun(count, 3, complete);
  const manifest = await readOutputs(backend, root, { keepBytes: 4 * 1024 * 1024 });
  let files = 0;
  for await (const { sha256, parts } of listRun(backend, root, manifest)) {
    if (sha256 !== undefined && parts.length === 1) files++;
  }
  seen.push(files);
  const differences = await compareListing(backend, root, manifest);
  seen.push(differences.listed, differences.extra + differences.missing + differences.changed);
}
console.log(JSON.stringify(seen));
