/** Runs that lose files and stay, on every kind of storage. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { executeCopy } from "../../../src/operations/copy/execute.ts";
import { ExportArchive } from "../../../src/operations/copy/export_archive.ts";
import { planExport, writeExport } from "../../../src/operations/copy/export.ts";
import { planCopy } from "../../../src/operations/copy/plan.ts";
import { diffRuns } from "../../../src/operations/diff/diff.ts";
import { planFetch } from "../../../src/operations/fetch/fetch.ts";
import { runSubject } from "../../../src/operations/index_pages/subjects.ts";
import { writeIndexPages } from "../../../src/operations/index_pages/write_pages.ts";
import {
  listOutputs,
  listRun,
  type RemovedOutput,
} from "../../../src/operations/manifest/list_outputs.ts";
import { readOutputs } from "../../../src/operations/manifest/read.ts";
import { removedFile, removedFiles } from "../../../src/operations/manifest/removed_files.ts";
import { executePrune, largeBecause, narrowPlan } from "../../../src/operations/prune/execute.ts";
import type { PrunePlace } from "../../../src/operations/prune/place.ts";
import { planPrune } from "../../../src/operations/prune/plan.ts";
import { RunIndex } from "../../../src/operations/retained/run_index.ts";
import { writeSummary } from "../../../src/operations/retained/summary_file.ts";
import { verifyRun } from "../../../src/operations/verify/execute.ts";
import { removedRecord } from "../../../src/runs/removed.ts";
import type { PrunePolicy } from "../../../src/runs/retention/policy.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { ForwardingBackend } from "../../../src/storage/forwarding.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { rejectsWith } from "../../support/errors.ts";
import { ask, putRun, rootOf, STORAGES } from "../../support/retained.ts";
import { tempDir } from "../../support/temp_dir.ts";
import { assertTold } from "../../support/told.ts";

const DAY = 86_400;
/** Files are written now, so a prune in a test is later. */
const NOW = new Date(Date.now() + 40 * DAY * 1000);
const DATE = NOW.toISOString().slice(0, 10);
const POLICY: PrunePolicy = {
  group_by: [],
  min_age_seconds: DAY,
  keep_last: 1,
  drop_kinds: ["artifact", "python", "tarball"],
};
const ARCHIVE = "blas_lib_gfx94X.tar.zst";
const WHEEL = "python/gfx94X/w-1-py3-none-any.whl";
const REMOVED = [ARCHIVE, WHEEL, "fft_lib_gfx94X.tar.zst"];
const RULE = "not kept by: keep-last 1";
const TOOL = { tool: "test" };

function placeOf(backend: StorageBackend): PrunePlace {
  const index = new RunIndex({ backend, bucket: "suite", now: () => NOW });
  return { index, directory: backend instanceof LocalBackend ? backend.stagingDir : undefined };
}

async function putWorld(backend: StorageBackend): Promise<void> {
  for (const id of [1, 2, 3]) {
    const parts = { a: [ARCHIVE, `logs/g/${id}.log`, "manifests/g/m.json"], b: [WHEEL] };
    await putRun(backend, `${id}-linux`, {
      parts,
      files: ["fft_lib_gfx94X.tar.zst", "logs/g/unlisted.log"],
      expected: ["a", "b"],
      run: { repository: "a/b", workflow: "ci.yml" },
    });
    await writeSummary(backend, rootOf(`${id}-linux`), TOOL);
  }
}

const ALL = Object.keys(STORAGES);

function test(
  name: string,
  fn: (backend: StorageBackend) => Promise<void>,
  kinds: readonly string[] = ["memory"],
): void {
  for (const kind of kinds) {
    Deno.test(`thin, ${kind}: ${name}`, async () => {
      await using subject = await STORAGES[kind]();
      await putWorld(subject.backend);
      await fn(subject.backend);
    });
  }
}

async function pathsOf(backend: StorageBackend, key: string): Promise<string[]> {
  const all = await Array.fromAsync(listOutputs(backend, rootOf(key)));
  return all.map(({ path }) => path);
}

async function thin(backend: StorageBackend, policy: PrunePolicy = POLICY) {
  const place = placeOf(backend);
  const plan = await planPrune(place, { policy });
  return await executePrune(place, plan, TOOL);
}

test("the plan lists the runs with the bytes that it frees", async (backend) => {
  const place = placeOf(backend);
  const plan = await planPrune(place, { policy: POLICY });
  assert.deepEqual(plan.drop, []);
  const bytes = REMOVED.reduce((sum, path) => sum + path.length, 0);
  assert.deepEqual(plan.thin!.map(({ key, bytes, rule }) => [key, bytes, rule]), [
    ["2-linux", bytes, RULE],
    ["1-linux", bytes, RULE],
  ]);
  assert.equal(largeBecause(plan), "it deletes files of 2 of 3 runs");
  await ask(backend, "pin", { run: "1-linux", reason: "shipped" });
  const { plan: narrowed, skipped } = narrowPlan(plan, await planPrune(place, { policy: POLICY }));
  assert.deepEqual(narrowed.thin!.map(({ key }) => key), ["2-linux"]);
  assert.deepEqual(skipped.map(({ key }) => key), ["1-linux"]);
});

test("the files of the kinds go, the others stay, and every reader knows why", async (backend) => {
  const sidecar = `${ARCHIVE}.sha256sum`;
  await backend.write(rootOf("1-linux").file(sidecar), bytesSource("x"));
  await writeSummary(backend, rootOf("1-linux"), TOOL);
  const before = await pathsOf(backend, "1-linux");
  const results = await thin(backend);
  assert.deepEqual(results.map(({ key, outcome }) => [key, outcome]), [
    ["1-linux", "thinned"],
    ["2-linux", "thinned"],
  ]);
  const root = rootOf("1-linux");
  const after = await pathsOf(backend, "1-linux");
  const record = "manifests/retention/removed.json";
  assert.deepEqual(
    after,
    [...before.filter((path) => ![...REMOVED, sidecar].includes(path)), record].sort(),
  );
  assert.deepEqual(await assertTold(backend, root), { listed: 4, gone: 2 });

  const run = await ask(backend, "show", { run: "1-linux" });
  assert.deepEqual([run.completeness, run.missing_files], ["complete", undefined]);
  assert.equal(run.summary.status, "current");
  const { files, kinds, removals } = run.removed;
  assert.equal(files, 3);
  assert.deepEqual(Object.keys(kinds), ["artifact", "python"]);
  assert.deepEqual(removals, [
    { at: NOW.toISOString(), rule: RULE, kinds: ["artifact", "python", "tarball"] },
  ]);
  const { files: rows } = await ask(backend, "manifest", { run: "1-linux" });
  assert.deepEqual(
    rows.map(({ path, removed }: { path: string; removed?: unknown }) => [path, removed]),
    [
      [ARCHIVE, { at: NOW.toISOString(), rule: RULE }],
      ["logs/g/1.log", undefined],
      ["manifests/g/m.json", undefined],
      [WHEEL, { at: NOW.toISOString(), rule: RULE }],
    ],
  );

  const verified: RemovedOutput[] = [];
  const onRemoved = (one: RemovedOutput) => void verified.push(one);
  for await (const { path, error } of verifyRun(backend, root, { onRemoved })) {
    assert.equal(error, undefined, path);
  }
  assert.deepEqual(verified.map(({ path }) => path).sort(), [...REMOVED].sort());
  const missing: unknown[] = [];
  const manifest = await readOutputs(backend, root);
  const listed = await Array.fromAsync(
    listRun(backend, root, manifest, { onMissing: (one) => void missing.push(one) }),
  );
  assert.deepEqual([missing, listed.map(({ path }) => path)], [[], after]);

  for (const include of [[], ["blas_*"], ["fft_*"]]) {
    const fetched = planFetch(backend, root, { include, outputDir: "none" });
    await rejectsWith(fetched, "not_found", `removed by retention on ${DATE} (${RULE})`);
  }
  const found = await removedFile(backend, root, WHEEL);
  assert.deepEqual([found!.size, found!.removal.rule], [WHEEL.length, RULE]);
  assert.equal((await removedFile(backend, root, "fft_lib_gfx94X.tar.zst"))!.sha256, undefined);
  assert.equal(await removedFile(backend, root, "logs/g/1.log"), undefined);
  assert.equal(await removedFile(backend, rootOf("3-linux"), WHEEL), undefined);
  assert.deepEqual(
    (await removedFiles(backend, root)).map(({ path }) => path).sort(),
    [...REMOVED].sort(),
  );

  // What was in the files is known.
  const changes = await Array.fromAsync(
    diffRuns({ backend, root }, { backend, root: rootOf("3-linux") }),
  );
  assert.equal(changes.find(({ path }) => path === ARCHIVE)!.change, "same");
}, ALL);

test("latest does not choose a run without the files that it must have", async (backend) => {
  await thin(backend);
  await backend.deleteAll(
    (await pathsOf(backend, "3-linux")).map((path) => rootOf("3-linux").root().join(path)),
  );
  const latest = await ask(backend, "latest");
  assert.equal(latest.key, "2-linux");
  const asked = ask(backend, "latest", { has: "artifact" });
  await rejectsWith(asked, "not_found", "2-linux is without its artifact files: removed");
  assert.equal((await ask(backend, "latest", { has: "log" })).key, "2-linux");
});

test("a second prune has nothing to do", async (backend) => {
  await thin(backend);
  const place = placeOf(backend);
  const plan = await planPrune(place, { policy: POLICY });
  assert.deepEqual([plan.thin, plan.unfinished], [[], []]);
  const reasons = new Map(plan.keep.map(({ key, reasons }) => [key, reasons.join()]));
  assert.equal(reasons.get("1-linux"), "it has no files that the policy deletes");
});

test("files that are uploaded again count again, and are missing if they go", async (backend) => {
  await thin(backend);
  const root = rootOf("1-linux");
  await putRun(backend, "1-linux", { parts: { b: [WHEEL] }, at: "2026-11-25T00:00:00.000Z" });
  const run = await ask(backend, "show", { run: "1-linux" });
  assert.deepEqual(Object.keys(run.removed.kinds), ["artifact"]);
  assert.equal(await removedFile(backend, root, WHEEL), undefined);
  await backend.delete(root.file(WHEEL));
  const { completeness, missing_files } = await ask(backend, "show", { run: "1-linux" });
  assert.deepEqual([completeness, missing_files], ["incomplete", 1]);
  const fetched = planFetch(backend, root, { outputDir: "none" });
  await rejectsWith(fetched, "not_found", "removed by retention");
});

/** Ends each deletion of files, as a kill does. */
class Dying extends ForwardingBackend {
  left = 0;

  override async deleteAll(...args: Parameters<StorageBackend["deleteAll"]>) {
    const [locations, options] = args;
    for await (const location of locations) {
      if (location.name === "retention-summary.json") continue;
      if (this.left-- <= 0) throw new RunOutputsError("failed", "killed");
      await this.inner.delete(location, options);
    }
    return [];
  }
}

for (const left of [0, 1, 2]) {
  test(`ended after ${left} files, the next prune finishes it`, async (backend) => {
    const before = await pathsOf(backend, "1-linux");
    const dying = new Dying(backend);
    dying.left = left;
    const place = { ...placeOf(dying), directory: placeOf(backend).directory };
    const plan = await planPrune(place, { policy: POLICY });
    const only = { ...plan, thin: plan.thin!.filter(({ key }) => key === "1-linux") };
    const [{ outcome, reason }] = await executePrune(place, only, TOOL);
    assert.deepEqual([outcome, reason], ["failed", "killed"]);
    assert.equal((await assertTold(backend, rootOf("1-linux"))).listed, 4);
    const asked = ask(backend, "latest", { has: "artifact", after: "0" });
    assert.equal((await asked).key, "3-linux");

    // A pin keeps what is left.
    await ask(backend, "pin", { run: "1-linux", reason: "shipped" });
    const pinned = await planPrune(placeOf(backend), { policy: POLICY });
    assert.deepEqual(pinned.unfinished, []);
    const reasons = pinned.keep.find(({ key }) => key === "1-linux")!.reasons.join();
    assert.match(reasons, /pin 'manual'.*a prune that was killed has deleted files of it/);
    const forced = { ...pinned, thin: [], unfinished: ["1-linux"] };
    const [held] = await executePrune(placeOf(backend), forced, TOOL);
    assert.equal(held.outcome, "skipped");
    await ask(backend, "unpin", { run: "1-linux" });

    // Another policy finishes it too.
    const next = await planPrune(placeOf(backend), {
      policy: { group_by: [], min_age_seconds: DAY, keep_last: 9 },
    });
    assert.deepEqual(next.unfinished, ["1-linux"]);
    const results = await executePrune(placeOf(backend), next, TOOL);
    assert.deepEqual(results.map(({ key, outcome }) => [key, outcome]), [["1-linux", "finished"]]);
    const after = await pathsOf(backend, "1-linux");
    assert.deepEqual(
      after.filter((path) => path !== "manifests/retention/removed.json"),
      before.filter((path) => !REMOVED.includes(path)),
    );
    const { removed } = await ask(backend, "show", { run: "1-linux" });
    assert.deepEqual([removed.files, removed.removals[0].unfinished], [3, undefined]);
  }, left === 1 ? ALL : ["memory"]);
}

/** Does something once, just after the first write. */
class Late extends ForwardingBackend {
  constructor(inner: StorageBackend, private late?: () => Promise<void>) {
    super(inner);
  }

  override async write(...args: Parameters<StorageBackend["write"]>) {
    const written = await this.inner.write(...args);
    const { late } = this;
    this.late = undefined;
    await late?.();
    return written;
  }
}

test("an upload that begins meanwhile keeps the files", async (backend) => {
  const marker = rootOf("1-linux").outputsManifestDir().join("b.incomplete");
  const late = new Late(backend, async () => {
    await backend.write(marker, bytesSource("an upload begins"));
  });
  const place = { ...placeOf(late), directory: placeOf(backend).directory };
  const plan = await planPrune(place, { policy: POLICY });
  const before = await pathsOf(backend, "1-linux");
  const results = await executePrune(place, plan, TOOL);
  assert.deepEqual(results.map(({ key, outcome }) => [key, outcome]), [
    ["1-linux", "skipped"],
    ["2-linux", "thinned"],
  ]);
  const summary = "retention-summary.json";
  assert.deepEqual(
    await pathsOf(backend, "1-linux"),
    [...before, "manifests/outputs/b.incomplete"].filter((path) => path !== summary).sort(),
  );
});

test("--leave-manifest leaves the manifest, pins and the record", async (backend) => {
  const { drop_kinds: _, ...rest } = POLICY;
  const policy: PrunePolicy = { ...rest, leave_manifest: true };
  // First a part of it, then the rest.
  await thin(backend);
  const results = await thin(backend, policy);
  assert.deepEqual(results.map(({ outcome }) => outcome), ["thinned", "thinned"]);
  assert.deepEqual(await pathsOf(backend, "1-linux"), [
    "manifests/outputs/a.json",
    "manifests/outputs/b.json",
    "manifests/outputs/expected.json",
    "manifests/retention/removed.json",
    "retention-summary.json",
  ]);
  assert.deepEqual(await assertTold(backend, rootOf("1-linux")), { listed: 4, gone: 4 });
  const run = await ask(backend, "show", { run: "1-linux" });
  assert.deepEqual([run.completeness, run.removed.files], ["complete", 6]);
  const copied = planCopy({ backend, root: rootOf("1-linux") });
  await rejectsWith(copied, "not_found", "Cannot copy the 6 files of run 1: removed by retention");
  assert.deepEqual(await thin(backend, policy), []);
}, ALL);

test("copies and exports carry the record on", async (backend) => {
  await thin(backend);
  const from = { backend, root: rootOf("1-linux") };
  const [selected, excluded] = [{ include: ["blas_*", "logs/**"] }, { exclude: ["logs/**"] }];
  const { obstacles } = await planCopy(from, selected);
  assert.match(obstacles[0].error.message, /Cannot copy blas_.*: removed by retention on /);
  assert.deepEqual((await planCopy(from, excluded)).obstacles, []);

  const plan = await planCopy(from);
  assert.equal(plan.notes.at(-1), `3 files were removed by retention on ${DATE} (${RULE})`);
  await using temp = await tempDir();
  const file = join(temp.path, "x.tar");
  await writeExport(await planExport([plan], TOOL), file);
  const archive = await ExportArchive.open(file);
  const imported = await planCopy({ backend: archive, root: rootOf("1-linux") });
  for (const [copy, key] of [[plan, "8-linux"], [imported, "9-linux"]] as const) {
    for (let times = 0; times < 2; times++) {
      const to = { backend, root: rootOf(key) };
      const { results, withheld } = await executeCopy(copy, to);
      assert.deepEqual(results.filter(({ outcome }) => outcome === "failed"), []);
      assert.deepEqual(withheld, []);
    }
    assert.deepEqual(await assertTold(backend, rootOf(key)), { listed: 4, gone: 2 });
    const run = await ask(backend, "show", { run: key });
    assert.deepEqual([run.completeness, run.removed.files, run.removed.removals.length], [
      "complete",
      3,
      1,
    ]);
  }
}, ["memory", "disk"]);

test("index pages lose their links, and go with the last file", async (backend) => {
  const root = rootOf("1-linux");
  await backend.write(root.file("python/gfx94X/index.html"), bytesSource("of another tool"));
  await writeIndexPages(backend, runSubject(root));
  const page = async () => {
    await using body = await backend.read(root.runIndex());
    return (await Array.fromAsync(body, (chunk) => new TextDecoder().decode(chunk))).join("");
  };
  assert((await page()).includes(ARCHIVE));
  await thin(backend);
  const text = await page();
  assert(!text.includes(ARCHIVE) && !text.includes("python/") && text.includes("logs/"));
  const left = (await pathsOf(backend, "1-linux")).filter((path) => path.endsWith("index.html"));
  assert(left.includes("logs/g/index.html") && !left.some((path) => path.startsWith("python/")));
}, ["memory", "disk"]);

test("a run without a manifest says it too", async (backend) => {
  for (const id of [4, 5]) {
    await putRun(backend, `${id}-windows`, { files: [ARCHIVE, "logs/g/a.log"] });
  }
  await thin(backend, { ...POLICY, group_by: ["platform"] });
  const root = rootOf("4-windows");
  assert.equal((await removedFile(backend, root, ARCHIVE))!.size, ARCHIVE.length);
  const fetched = planFetch(backend, root, { outputDir: "none" });
  await rejectsWith(fetched, "not_found", `Cannot fetch ${ARCHIVE} from `);
});

test("a broken record is an error, and keeps the run", async (backend) => {
  const root = rootOf("1-linux");
  await backend.write(removedRecord(root), bytesSource("{"));
  await rejectsWith(readOutputs(backend, root), "integrity", "record of removed files");
  const plan = await planPrune(placeOf(backend), { policy: POLICY });
  const reasons = plan.keep.find(({ key }) => key === "1-linux")!.reasons.join();
  assert.match(reasons, /its manifest can't be read: Cannot read the record of removed files/);
});
