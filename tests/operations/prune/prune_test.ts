/** Plans of a prune and their execution, on every kind of storage. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { executePrune, largeBecause, narrowPlan } from "../../../src/operations/prune/execute.ts";
import type { PrunePlace } from "../../../src/operations/prune/place.ts";
import { planPrune } from "../../../src/operations/prune/plan.ts";
import { RunIndex } from "../../../src/operations/retained/run_index.ts";
import { writeSummary } from "../../../src/operations/retained/summary_file.ts";
import { readOutputs } from "../../../src/operations/manifest/read.ts";
import { deletingMark } from "../../../src/runs/deleting.ts";
import { GROUP_BY, type PrunePolicy } from "../../../src/runs/retention/policy.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { ForwardingBackend } from "../../../src/storage/forwarding.ts";
import { executeCopy } from "../../../src/operations/copy/execute.ts";
import { planCopy } from "../../../src/operations/copy/plan.ts";
import { PartUpload } from "../../../src/operations/manifest/write_part.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { isFull } from "../../support/cases.ts";
import { rejectsWith } from "../../support/errors.ts";
import { ask, putRun, rootOf, STORAGES } from "../../support/retained.ts";
import { tempDir } from "../../support/temp_dir.ts";

const DAY = 86_400;
const POLICY: PrunePolicy = { group_by: GROUP_BY, min_age_seconds: DAY, keep_last: 1 };
/** Files are written now, so a prune in a test is later. */
const NOW = new Date(Date.now() + 40 * DAY * 1000);
const RUN = { repository: "a/b", workflow: "ci.yml" };

function placeOf(backend: StorageBackend, now = NOW): PrunePlace {
  const index = new RunIndex({ backend, bucket: "suite", now: () => now });
  return { index, directory: backend instanceof LocalBackend ? backend.stagingDir : undefined };
}

async function putWorld(backend: StorageBackend): Promise<void> {
  for (const id of [1, 2, 3, 4]) {
    await putRun(backend, `${id}-linux`, {
      parts: { a: ["x", `logs/g/${id}.log`], b: ["y"] },
      files: ["unlisted"],
      expected: ["a", "b"],
      run: RUN,
    });
    if (id % 2 === 0) await writeSummary(backend, rootOf(`${id}-linux`), { tool: "test" });
  }
  await putRun(backend, "a-b~1-windows", { files: ["old.txt"] });
  await putRun(backend, "a-b~2-windows", { files: ["old.txt"] });
  await backend.write(rootOf("1-linux").root().parent.join("1-linux-old/x"), bytesSource("x"));
}

function test(name: string, fn: (backend: StorageBackend) => Promise<void>): void {
  for (const [kind, open] of Object.entries(STORAGES)) {
    Deno.test(`prune, ${kind}: ${name}`, async () => {
      await using subject = await open();
      await putWorld(subject.backend);
      await fn(subject.backend);
    });
  }
}

const MARK = JSON.stringify({
  schema: "run-outputs.deleting/1",
  started_at: "2026-11-20T12:00:00.000Z",
  tool: "test",
});

const keysOf = (runs: readonly { readonly key: string }[]) => runs.map(({ key }) => key);

async function listed(backend: StorageBackend): Promise<string[]> {
  const { runs } = await ask(backend, "list");
  return runs.map(({ key }: { key: string }) => key);
}

async function keys(backend: StorageBackend): Promise<string[]> {
  const top = rootOf("1-linux").root().parent;
  return (await Array.fromAsync(backend.list(top))).map(({ location }) => location.key);
}

test("a plan has a reason for every run and changes nothing", async (backend) => {
  const before = await keys(backend);
  await ask(backend, "pin", { run: "2-linux", reason: "shipped" });
  const plan = await planPrune(placeOf(backend), { policy: POLICY });
  assert.deepEqual(plan.keep, [
    { key: "4-linux", reasons: ["latest of its group", "last 1"] },
    { key: "2-linux", reasons: ["pin 'manual'"] },
    { key: "a-b~2-windows", reasons: ["latest of its group", "last 1"] },
  ]);
  assert.deepEqual(keysOf(plan.drop), ["3-linux", "1-linux", "a-b~1-windows"]);
  assert(plan.drop.every(({ fingerprint }) => /^[0-9a-f]{64}$/.test(fingerprint)));
  assert.deepEqual((await keys(backend)).filter((key) => !key.endsWith(".pin.json")), before);
});

test("the runs of a plan are deleted, and nothing else", async (backend) => {
  const place = placeOf(backend);
  const before = await keys(backend);
  const plan = await planPrune(place, { policy: POLICY });
  const results = await executePrune(place, plan, { tool: "test" });
  assert.deepEqual(keysOf(results), [...keysOf(plan.drop)].reverse());
  assert(results.every(({ outcome, bytes }) => outcome === "deleted" && bytes! > 0));
  const gone = /^(?:[123]-linux|a-b\/1-windows)\//;
  assert.deepEqual(await keys(backend), before.filter((key) => !gone.test(key)));
  assert.deepEqual(
    await executePrune(place, await planPrune(place, { policy: POLICY }), {
      tool: "test",
    }),
    [],
  );
});

test("a run that changes after the plan is skipped", async (backend) => {
  const place = placeOf(backend);
  const plan = await planPrune(place, { policy: POLICY });
  await ask(backend, "pin", { run: "1-linux", reason: "shipped" });
  await putRun(backend, "2-linux", { parts: { c: ["z"] }, run: RUN });
  const marker = rootOf("3-linux").outputsManifestDir().join("b.incomplete");
  await backend.write(marker, bytesSource("an upload begins"));
  const results = await executePrune(place, plan, { tool: "test" });
  const skipped = results.filter(({ outcome }) => outcome === "skipped");
  assert.deepEqual(keysOf(skipped).sort(), ["1-linux", "2-linux", "3-linux"]);
  assert.equal(skipped[0].reason, "changed since the plan");
  assert((await listed(backend)).includes("1-linux"));
});

test("an earlier plan is reduced to what a new one deletes too", async (backend) => {
  const place = placeOf(backend);
  const given = await planPrune(place, { policy: POLICY });
  await ask(backend, "pin", { run: "1-linux", reason: "shipped" });
  const root = rootOf("a-b~1-windows");
  await backend.deleteAll([root.file("old.txt")]);
  await putRun(backend, "2-linux", { parts: { c: ["z"] }, run: RUN });
  const { plan, skipped } = narrowPlan(given, await planPrune(place, { policy: POLICY }));
  assert.deepEqual(keysOf(plan.drop), ["3-linux"]);
  assert.deepEqual(Object.fromEntries(skipped.map(({ key, reason }) => [key, reason])), {
    "1-linux": "kept now: pin 'manual'",
    "2-linux": "changed since the plan",
    "a-b~1-windows": "it is gone already",
  });
});

test("files written within the minimum age keep a run whose manifest is old", async (backend) => {
  const place = placeOf(backend, new Date(Date.now() + 60_000));
  const { drop, keep } = await planPrune(place, { policy: POLICY });
  assert.deepEqual(drop, []);
  assert(keep.every(({ reasons }) => reasons.join().includes("younger than the minimum age")));
  // A file that no listing of the plan has seen.
  const later = placeOf(backend);
  const plan = await planPrune(later, { policy: POLICY });
  const strict = { ...plan, policy: { ...plan.policy, min_age_seconds: 100 * DAY } };
  const results = await executePrune(later, strict, { tool: "test" });
  assert(
    results.every(({ outcome, reason }) =>
      outcome === "skipped" && / was written at /.test(reason!)
    ),
  );
});

test("runs that a bisect uses, and unreadable ones, are kept", async (backend) => {
  await backend.write(rootOf("3-linux").outputsManifestDir().join("b.json"), bytesSource("{"));
  const plan = await planPrune(placeOf(backend), {
    policy: POLICY,
    inUse: new Map([["1", "the bisect uses it"], ["a-b/1", "the bisect uses it"]]),
  });
  const reasons = new Map(plan.keep.map(({ key, reasons }) => [key, reasons.join()]));
  assert.match(reasons.get("3-linux")!, /^its manifest can't be read: .*b\.json/);
  assert.equal(reasons.get("1-linux"), "the bisect uses it");
  assert.equal(reasons.get("a-b~1-windows"), "the bisect uses it");
  assert.deepEqual(keysOf(plan.drop), ["2-linux"]);
});

test("an empty policy is refused; most of the runs need a confirmation", async (backend) => {
  const place = placeOf(backend);
  const empty = { group_by: GROUP_BY, min_age_seconds: 0 };
  await rejectsWith(planPrune(place, { policy: empty }), "invalid", "without a rule");
  const plan = await planPrune(place, { policy: POLICY });
  assert.equal(largeBecause(plan), "it deletes 4 of 6 runs");
  const less = await planPrune(place, { policy: { ...POLICY, keep_last: 2 } });
  assert.equal(largeBecause(less), undefined);
});

test("a marked run is reported as being deleted by every reader, and finished", async (backend) => {
  const root = rootOf("2-linux");
  await backend.write(deletingMark(root), bytesSource(MARK));
  const message = "has been deleting this run since 20";
  await rejectsWith(readOutputs(backend, root), "not_found", message);
  for (const name of ["manifest", "pin"] as const) {
    const params = { run: "2-linux", ...name === "pin" ? { reason: "x" } : {} };
    await rejectsWith(ask(backend, name, params), "not_found", message);
  }
  const { completeness, deleting, incomplete_because } = await ask(backend, "show", {
    run: "2-linux",
  });
  assert.equal(completeness, "incomplete");
  assert.match(incomplete_because[0], /^'runs prune' has been deleting it since 20/);
  assert(deleting.since.startsWith("20"));
  const place = placeOf(backend);
  if (place.directory !== undefined) return;
  // Nothing says which parts existed when that mark was written, so their times must be older.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await backend.write(deletingMark(root), bytesSource(MARK));
  const plan = await planPrune(place, { policy: { ...POLICY, keep_last: 9 } });
  assert.deepEqual([keysOf(plan.drop), plan.unfinished], [[], ["2-linux"]]);
  const results = await executePrune(place, plan, { tool: "test" });
  assert.deepEqual(results, [{ key: "2-linux", outcome: "finished" }]);
  assert(!(await keys(backend)).some((key) => key.startsWith("2-linux/")));
});

test("a run that was uploaded again after its deletion began is left alone", async (backend) => {
  const root = rootOf("2-linux");
  if (placeOf(backend).directory !== undefined) return;
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await backend.write(deletingMark(root), bytesSource(MARK));
  // Some servers tell times in whole seconds.
  await new Promise((resolve) => setTimeout(resolve, 1100));
  await backend.write(root.file("x"), bytesSource("again"));
  const place = placeOf(backend);
  const plan = await planPrune(place, { policy: { ...POLICY, keep_last: 9 } });
  const [{ outcome, reason }] = await executePrune(place, plan, { tool: "test" });
  assert.equal(outcome, "failed");
  assert.match(reason!, /^'x' was uploaded after its deletion began/);
  assert((await keys(backend)).includes("2-linux/manifests/outputs/a.json"));
});

/** Lets so many changes happen; then the process is as if killed. */
class DyingBackend extends ForwardingBackend {
  left: number;

  constructor(inner: StorageBackend, left: number) {
    super(inner);
    this.left = left;
  }

  #live() {
    if (this.left-- <= 0) throw new Error("killed");
  }

  override async write(...args: Parameters<StorageBackend["write"]>) {
    this.#live();
    return await this.inner.write(...args);
  }

  override async delete(...args: Parameters<StorageBackend["delete"]>) {
    this.#live();
    await this.inner.delete(...args);
  }

  override async deleteAll(...[locations]: Parameters<StorageBackend["deleteAll"]>) {
    const failures = [];
    for await (const location of locations) {
      this.#live();
      failures.push(...await this.inner.deleteAll([location]));
    }
    return failures;
  }
}

/** Asserts that every run is whole, or marked. */
async function assertWhole(backend: StorageBackend): Promise<void> {
  const there = new Set(await keys(backend));
  for (const key of await listed(backend)) {
    const root = rootOf(key);
    if (there.has(deletingMark(root).key)) continue;
    const manifest = await readOutputs(backend, root);
    for await (const { file } of manifest.files()) assert(there.has(root.file(file.path).key));
    if (key.endsWith("-linux")) assert(manifest.complete, `${key} is not whole`);
  }
}

for (const kind of ["memory", "s3"]) {
  Deno.test(`prune, ${kind}: killed after any change, every run is whole or marked, and finished next time`, async () => {
    // The memory shows each change; a server is slow, so by default it gets every third.
    for (let changes = 0;; changes += kind === "s3" && !isFull ? 3 : 1) {
      await using subject = await STORAGES[kind]();
      const { backend } = subject;
      for (const id of [1, 2, 3]) {
        await putRun(backend, `${id}-linux`, {
          parts: { a: ["x", `logs/g/${id}.log`] },
          expected: ["a"],
          run: RUN,
        });
      }
      const dying = placeOf(new DyingBackend(backend, changes));
      const plan = await planPrune(dying, { policy: POLICY });
      const died = await executePrune(dying, plan, { tool: "test" }).then(() => false, () => true);
      await assertWhole(backend);
      const next = placeOf(backend);
      const again = await planPrune(next, { policy: POLICY });
      await executePrune(next, again, { tool: "test" });
      assert.deepEqual(await listed(backend), ["3-linux"]);
      assert((await keys(backend)).every((key) => key.startsWith("3-linux/")));
      if (!died) {
        assert(changes > 10, `only ${changes} changes`);
        break;
      }
    }
  });
}

Deno.test("prune, disk: a link in a run, or in place of one, keeps it", async () => {
  await using temp = await tempDir();
  const staging = join(temp.path, "staging");
  const backend = new LocalBackend(staging);
  await putWorld(backend);
  const outside = join(temp.path, "outside");
  await Deno.mkdir(outside);
  await Deno.writeTextFile(join(outside, "precious"), "x");
  await Deno.symlink(outside, join(staging, "1-linux", "link"));
  await Deno.symlink(outside, join(staging, "0-linux"));
  const place = placeOf(backend);
  const plan = await planPrune(place, { policy: POLICY });
  const kept = plan.keep.find(({ key }) => key === "1-linux");
  assert.match(kept!.reasons.join(), /can't be deleted: ".*1-linux\/link" is a symbolic link/);
  // A link that comes after the plan.
  await Deno.symlink(outside, join(staging, "2-linux", "link"));
  const results = await executePrune(place, plan, { tool: "test" });
  const skipped = results.find(({ key }) => key === "2-linux");
  assert.equal(skipped?.outcome, "skipped");
  assert.equal(await Deno.readTextFile(join(outside, "precious")), "x");
});

Deno.test("prune, disk: one at a time, and what a killed one has renamed is deleted", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  await putWorld(backend);
  for (const place of ["", "a-b"]) {
    await Deno.rename(
      join(temp.path, place, place === "" ? "1-linux" : "1-windows"),
      join(temp.path, place, ".run-outputs-trash-1"),
    );
  }
  assert(!(await listed(backend)).includes("1-linux"));
  const place = placeOf(backend);
  const plan = await planPrune(place, { policy: { ...POLICY, keep_last: 9 } });
  {
    using _ = await Deno.open(join(temp.path, ".run-outputs-prune.lock"), {
      create: true,
      write: true,
    });
    await _.lock(true);
    await rejectsWith(
      executePrune(place, plan, { tool: "test" }),
      "conflict",
      "another prune is in progress",
    );
    _.unlockSync();
  }
  const results = await executePrune(place, plan, { tool: "test" });
  assert.deepEqual(results.map(({ outcome }) => outcome), ["finished", "finished"]);
  const names = (await Array.fromAsync(Deno.readDir(temp.path))).map(({ name }) => name);
  assert(!names.some((name) => name.startsWith(".")), String(names));
});

Deno.test("prune, disk: unfinished downloads and empty directories of a run go with it", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  await putWorld(backend);
  await Deno.mkdir(join(temp.path, "1-linux/empty/deep"), { recursive: true });
  await Deno.writeTextFile(join(temp.path, "1-linux/.run-outputs-tmp-1"), "half");
  const place = placeOf(backend);
  await executePrune(place, await planPrune(place, { policy: POLICY }), { tool: "test" });
  await assert.rejects(Deno.lstat(join(temp.path, "1-linux")), Deno.errors.NotFound);
});

test("a foreign mark, or one beside a pin, deletes nothing and is reported", async (backend) => {
  const isDisk = placeOf(backend).directory !== undefined;
  const policy = { ...POLICY, keep_last: 9 };
  await ask(backend, "pin", { run: "1-linux", reason: "shipped" });
  await backend.write(deletingMark(rootOf("1-linux")), bytesSource(MARK));
  await backend.write(deletingMark(rootOf("2-linux")), bytesSource("{}"));
  await backend.write(deletingMark(rootOf("3-linux")), bytesSource(MARK));
  const before = await keys(backend);
  const place = placeOf(backend);
  const plan = await planPrune(place, { policy, inUse: new Map([["3", "the bisect uses it"]]) });
  assert.deepEqual([plan.drop, plan.unfinished], [[], []]);
  const reasons = new Map(plan.keep.map(({ key, reasons }) => [key, reasons.join("; ")]));
  const foreign = isDisk ? /deleting\.json.*on a disk/ : /deleting\.json/;
  for (const key of ["1-linux", "2-linux", "3-linux"]) assert.match(reasons.get(key)!, foreign);
  // Also if an older plan says so.
  const forced = { ...plan, unfinished: ["1-linux", "2-linux"] };
  const results = await executePrune(place, forced, { tool: "test" });
  assert.deepEqual(results.map(({ outcome }) => outcome), ["skipped", "skipped"]);
  assert.deepEqual(await keys(backend), before);
});

test("directories that nothing shows to be runs are kept", async (backend) => {
  for (const path of ["photos-linux/me.jpg", "tool/gcc-13-linux/bin/gcc"]) {
    await backend.write(rootOf("1-linux").root().parent.join(path), bytesSource("x"));
  }
  await putRun(backend, "mine-linux", { parts: { a: ["x"] }, run: RUN });
  await putRun(backend, "begun-linux", { marked: ["a"], run: RUN });
  const plan = await planPrune(placeOf(backend), { policy: POLICY });
  const kept = plan.keep.filter(({ reasons }) =>
    reasons.includes("nothing shows that it is a run")
  );
  assert.deepEqual(keysOf(kept).sort(), ["photos-linux", "tool~gcc-13-linux"]);
  assert(keysOf(plan.drop).includes("mine-linux"));
});

test("a plan for another place is refused", async (backend) => {
  const place = placeOf(backend);
  const plan = await planPrune(place, { policy: POLICY });
  const other = place.directory === undefined ? { bucket: "other" } : { directory: "/other" };
  const before = await keys(backend);
  const given = { ...plan, place: other };
  assert.throws(() => narrowPlan(given, plan), /is for .*other/);
  await rejectsWith(executePrune(place, given, { tool: "test" }), "invalid", "other");
  assert.deepEqual(await keys(backend), before);
});

test("an index page that was just written keeps no run; another file does, in the plan too", async (backend) => {
  const place = placeOf(backend, new Date(Date.now() + 500));
  const policy = { ...POLICY, min_age_seconds: 1 };
  await new Promise((resolve) => setTimeout(resolve, 2500));
  const later = { ...place, index: placeOf(backend, new Date()).index };
  await backend.write(rootOf("1-linux").file("logs/index.html"), bytesSource("page"));
  await backend.write(rootOf("2-linux").file("logs/g/2.log"), bytesSource("logs/g/2.log"));
  const plan = await planPrune(later, { policy });
  assert(keysOf(plan.drop).includes("1-linux"));
  const kept = plan.keep.find(({ key }) => key === "2-linux");
  assert.match(kept!.reasons.join(), /2\.log was written at/);
  const results = await executePrune(later, plan, { tool: "test" });
  assert(results.every(({ outcome }) => outcome === "deleted"), JSON.stringify(results));
});

test("an empty list keeps nothing, so it is refused", async (backend) => {
  const policy = { ...POLICY, older_than_seconds: 1, keep_listed: [] };
  await rejectsWith(planPrune(placeOf(backend), { policy }), "invalid", "list is empty");
});

test("uploads and copies refuse a run that is being deleted", async (backend) => {
  const root = rootOf("2-linux");
  await backend.write(deletingMark(root), bytesSource(MARK));
  const before = await keys(backend);
  const message = "has been deleting this run since 20";
  const upload = new PartUpload(backend, root, { part: "z", run: {}, tool: "test" });
  await rejectsWith(upload.begin(), "not_found", message);
  const plan = await planCopy({ backend, root: rootOf("1-linux") });
  await rejectsWith(executeCopy(plan, { backend, root }), "not_found", message);
  assert.deepEqual(await keys(backend), before);
  // A role that may only write can't see the mark.
  const blind = new BlindBackend(backend);
  await new PartUpload(blind, root, { part: "z", run: {}, tool: "test" }).begin();
});

class BlindBackend extends ForwardingBackend {
  override stat(): never {
    throw new RunOutputsError("denied", "access denied");
  }
}

/** Does something once, just before the first file of a run is deleted from a bucket. */
class LateBackend extends ForwardingBackend {
  late?: () => Promise<void>;

  constructor(inner: StorageBackend, late: () => Promise<void>) {
    super(inner);
    this.late = late;
  }

  override async write(...args: Parameters<StorageBackend["write"]>) {
    const written = await this.inner.write(...args);
    const { late } = this;
    this.late = undefined;
    await late?.();
    return written;
  }
}

for (const kind of ["memory", "s3"]) {
  for (const name of ["manual.pin.json", "c.json", "c.incomplete"]) {
    Deno.test(`prune, ${kind}: ${name} written in the second of the mark keeps the run`, async () => {
      await using subject = await STORAGES[kind]();
      const { backend } = subject;
      await putWorld(backend);
      const root = rootOf("1-linux");
      const dir = name.endsWith(".pin.json") ? root.retentionDir() : root.outputsManifestDir();
      const late = new LateBackend(backend, async () => {
        await backend.write(dir.join(name), bytesSource("{}"));
      });
      const place = placeOf(late);
      const plan = await planPrune(place, { policy: POLICY });
      const before = (await keys(backend)).filter((key) => key.startsWith("1-linux/"));
      const results = await executePrune(place, plan, { tool: "test" });
      const { outcome, reason } = results.find(({ key }) => key === "1-linux")!;
      assert.deepEqual([outcome, reason], ["skipped", "changed since the plan"]);
      const there = (await keys(backend)).filter((key) => key.startsWith("1-linux/"));
      assert.deepEqual(there, [...before, dir.join(name).key].sort());
      // Beside the mark of a killed prune, it keeps the run too.
      await backend.write(deletingMark(root), bytesSource(MARK));
      await backend.write(dir.join(name), bytesSource("{}"));
      const next = placeOf(backend);
      const again = await planPrune(next, { policy: { ...POLICY, keep_last: 9 } });
      await executePrune(next, again, { tool: "test" });
      assert((await keys(backend)).includes("1-linux/x"));
    });
  }
}

Deno.test("prune, disk: a pin or an upload before the rename keeps the run", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  await putWorld(backend);
  const place = placeOf(backend);
  const plan = await planPrune(place, { policy: POLICY });
  const rename = Deno.rename;
  const seen: string[] = [];
  try {
    Deno.rename = async (from, to) => {
      const name = String(from).slice(temp.path.length + 1);
      const isFirst = !seen.includes(name);
      seen.push(name);
      if (isFirst && name === "1-linux") {
        Deno.rename = rename;
        await ask(backend, "pin", { run: "1-linux", reason: "shipped" });
      }
      if (isFirst && name === "3-linux") {
        await Deno.writeTextFile(join(temp.path, "3-linux/logs/g/new.log"), "new");
        const future = new Date(NOW.getTime() + DAY);
        await Deno.utime(join(temp.path, "3-linux/logs/g/new.log"), future, future);
      }
      await rename(from, to);
    };
    const only = {
      ...plan,
      drop: plan.drop.filter(({ key }) => /^[13]-linux/.test(key)).reverse(),
    };
    const results = await executePrune(place, only, { tool: "test" });
    assert.deepEqual(
      results.map(({ key, outcome, reason }) => [key, outcome, reason]).sort(),
      ["1-linux", "3-linux"].map((key) => [key, "skipped", "changed since the plan"]),
    );
  } finally {
    Deno.rename = rename;
  }
  const there = await keys(backend);
  assert(there.includes("1-linux/manifests/retention/manual.pin.json"));
  assert(there.includes("3-linux/logs/g/new.log"));
  const names = (await Array.fromAsync(Deno.readDir(temp.path))).map(({ name }) => name);
  assert(!names.some((name) => name.startsWith(".")), String(names));
});

Deno.test("prune, disk: one that was killed before that check puts a pinned run back", async () => {
  await using temp = await tempDir();
  const backend = new LocalBackend(temp.path);
  await putWorld(backend);
  const place = placeOf(backend);
  const plan = await planPrune(place, { policy: POLICY });
  await ask(backend, "pin", { run: "1-linux", reason: "shipped" });
  for (const key of ["1-linux", "2-linux"]) {
    const { fingerprint } = plan.drop.find((run) => run.key === key) ?? plan.drop[0];
    const stage = join(temp.path, `.run-outputs-check-${fingerprint}`);
    await Deno.mkdir(stage);
    await Deno.rename(join(temp.path, key), join(stage, key));
  }
  const results = await executePrune(place, { ...plan, drop: [] }, { tool: "test" });
  assert.deepEqual(results.map(({ key, outcome }) => [key, outcome]).sort(), [
    ["1-linux", "skipped"],
    ["2-linux", "finished"],
  ]);
  const there = await keys(backend);
  assert(there.includes("1-linux/manifests/retention/manual.pin.json"));
  assert(!there.some((key) => key.startsWith("2-linux/")));
});
