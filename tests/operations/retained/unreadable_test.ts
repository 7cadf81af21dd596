/** One run that can't be read does not hide the others. */

import assert from "node:assert/strict";
import { type ErrorCode, RunOutputsError } from "../../../src/errors/error.ts";
import { planPrune } from "../../../src/operations/prune/plan.ts";
import { RunIndex } from "../../../src/operations/retained/run_index.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { ForwardingBackend } from "../../../src/storage/forwarding.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { rejectsWith } from "../../support/errors.ts";
import { ask, putRun } from "../../support/retained.ts";

/** A storage that can't list one run. */
class Locked extends ForwardingBackend {
  constructor(
    inner: StorageBackend,
    readonly code: ErrorCode = "denied",
    readonly runs = /^3-linux/,
  ) {
    super(inner);
  }

  override list(...args: Parameters<StorageBackend["list"]>) {
    if (this.runs.test(args[0].key)) {
      throw new RunOutputsError(this.code, "Cannot list '3-linux': permission denied");
    }
    return this.inner.list(...args);
  }
}

async function putWorld(): Promise<StorageBackend> {
  const backend = new MemoryBackend();
  for (const id of [1, 2, 3]) {
    await putRun(backend, `${id}-linux`, {
      parts: { a: ["logs/g/x.log"] },
      run: { workflow: "c" },
    });
  }
  return backend;
}

Deno.test("unreadable run: it is listed with the reason, and so are the others", async () => {
  const backend = new Locked(await putWorld());
  for (const params of [{}, { workflow: "c" }, { platform: "linux" }]) {
    const { runs } = await ask(backend, "list", params);
    const found = runs.map(({ key, unreadable }: { key: string; unreadable?: string }) => [
      key,
      unreadable,
    ]);
    const reason = "Cannot list '3-linux': permission denied";
    assert.deepEqual(found, [["3-linux", reason], ["2-linux", undefined], ["1-linux", undefined]]);
  }
  assert.deepEqual((await ask(backend, "list", { platform: "windows" })).runs, []);
  await rejectsWith(ask(backend, "show", { run: "3" }), "denied", "permission denied");
});

Deno.test("unreadable run: latest skips it, even if an incomplete run will do", async () => {
  const backend = new Locked(await putWorld());
  for (const params of [{}, { allow_incomplete: true }, { has: "log", group: "g" }]) {
    const { key, passed_over } = await ask(backend, "latest", params);
    assert.equal(key, "2-linux");
    const reason = "it can't be read: Cannot list '3-linux': permission denied";
    assert.deepEqual(passed_over, [{ key: "3-linux", reason }]);
  }
});

Deno.test("unreadable run: a prune keeps it", async () => {
  const backend = new Locked(await putWorld());
  const now = () => new Date(Date.now() + 40 * 86_400_000);
  const index = new RunIndex({ backend, bucket: "suite", now });
  const policy = { group_by: [], min_age_seconds: 1, keep_last: 1 };
  const { keep, drop } = await planPrune({ index }, { policy });
  const reasons = new Map(keep.map(({ key, reasons }) => [key, reasons.join()]));
  assert.match(reasons.get("3-linux")!, /^can't be read: .* permission denied$/);
  assert.deepEqual(drop.map(({ key }) => key), ["1-linux"]);
});

Deno.test("unreadable run: what all runs have in common ends the list", async () => {
  const backend = new Locked(await putWorld(), "transient");
  await rejectsWith(ask(backend, "list"), "transient", "permission denied");
});

Deno.test("unreadable run: if none can be read, that is the error", async () => {
  const backend = new Locked(await putWorld(), "denied", /linux/);
  await rejectsWith(ask(backend, "list"), "denied", "permission denied");
  await rejectsWith(ask(backend, "latest"), "denied", "permission denied");
  // It may not be so behind the first page.
  assert.equal((await ask(backend, "list", { limit: 1 })).runs.length, 1);
});
