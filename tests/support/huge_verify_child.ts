/**
 * Verifies a huge run and compares it with itself, in a process whose memory is limited:
 * `huge_verify_child.ts COUNT`.
 *
 * @module
 */

import { diffRuns } from "../../src/operations/diff/diff.ts";
import { readOutputs } from "../../src/operations/manifest/read.ts";
import { verifyRun } from "../../src/operations/verify/execute.ts";
import type { StorageBackend } from "../../src/storage/backend.ts";
import { hugeRun } from "./huge_run.ts";

const count = Number(Deno.args[0]);
const { root, backend: inner } = hugeRun(count, 3, false);
const modified = new Date("2026-11-20T12:00:00.5Z");
const backend: StorageBackend = {
  ...inner,
  // The name of a file tells its size.
  stat: (location) => {
    const size = Number(/\d{8}/.exec(location.name));
    return Promise.resolve({ location, size, etag: "1", modified });
  },
};
const manifest = await readOutputs(backend, root, { keepBytes: 4 * 1024 * 1024 });
const seen = { ok: 0, same: 0, others: 0 };
let began = performance.now();
for await (const { verdict } of verifyRun(backend, root, { manifest, quick: true })) {
  if (verdict === "ok") seen.ok++;
  else seen.others++;
}
console.error(`verify --quick: ${microseconds()} µs a file`);
began = performance.now();
const side = { backend, root, manifest };
for await (const { change } of diffRuns(side, side)) {
  if (change === "same") seen.same++;
  else seen.others++;
}
console.error(`diff: ${microseconds()} µs a file`);
console.log(JSON.stringify(seen));

function microseconds(): string {
  return ((performance.now() - began) * 1000 / count).toFixed(1);
}
