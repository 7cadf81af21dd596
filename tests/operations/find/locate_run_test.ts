import assert from "node:assert/strict";
import { RunOutputsError } from "../../../src/errors/error.ts";
import type { OutputLocation } from "../../../src/layout/output_location.ts";
import type { WorkflowRun } from "../../../src/layout/workflow_run.ts";
import { locateRun, type LocateRunOptions } from "../../../src/operations/find/locate_run.ts";
import type { ListOptions, StorageBackend } from "../../../src/storage/backend.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { rejectsWith } from "../../support/errors.ts";
import { putRun } from "../../support/run_storage.ts";

const ARTIFACT = ["a_lib_generic.tar.zst"];

/** Looks for run 7 of ROCm/TheRock. */
const locate = (backend: StorageBackend, options: Partial<LocateRunOptions> = {}) =>
  locateRun({ backend, runId: 7, platform: "linux", repository: "ROCm/TheRock", ...options });

const run = (createdAt: string, headRepository: string | null = "ROCm/TheRock"): WorkflowRun => ({
  repository: "ROCm/TheRock",
  headRepository,
  createdAt,
});

/** Where run 7 is found, if it is put into these places. */
async function foundIn(places: readonly string[], options: Partial<LocateRunOptions> = {}) {
  const backend = new MemoryBackend();
  for (const place of places) await putRun(backend, place, ARTIFACT);
  const { root, tried } = await locate(backend, options);
  return { place: root && `${root.bucket}/${root.prefix}`, tried };
}

Deno.test("locateRun(): the bucket of the run's creation, also if it was started again", async () => {
  const both = ["therock-artifacts/7-linux", "therock-ci-artifacts/7-linux"];
  const old = await foundIn(both, { workflowRun: run("2025-11-11T16:18:48Z") });
  assert.equal(old.place, "therock-artifacts/7-linux");
  const later = await foundIn(both, { workflowRun: run("2025-11-11T16:18:49Z") });
  assert.equal(later.place, "therock-ci-artifacts/7-linux");
  assert.deepEqual(later.tried.map(({ bucket, outcome }) => [bucket, outcome]), [
    ["therock-ci-artifacts", "holds"],
    ["therock-artifacts", "not_asked"],
  ]);
});

Deno.test("locateRun(): a neighbour of its time, where its own place is empty", async () => {
  const { place, tried } = await foundIn(["therock-ci-artifacts/7-linux"], {
    workflowRun: run("2025-10-01T00:00:00Z"),
  });
  assert.equal(place, "therock-ci-artifacts/7-linux");
  assert.deepEqual(tried.map(({ bucket, outcome }) => [bucket, outcome]), [
    ["therock-artifacts", "empty"],
    ["therock-ci-artifacts", "holds"],
  ]);
  assert(tried.every(({ why, reason }) => why !== "" && reason !== ""));
});

Deno.test("locateRun(): forks, deleted ones too, other repositories, release types", async () => {
  const fork = "therock-ci-artifacts-external/ROCm-TheRock/7-linux";
  const now = "2026-06-01T00:00:00Z";
  for (const head of ["someone/TheRock", null]) {
    assert.equal((await foundIn([fork], { workflowRun: run(now, head) })).place, fork);
  }
  assert.equal((await foundIn([fork], { workflowRun: run(now) })).place, undefined);

  const other = "therock-artifacts-external/a-b/7-linux";
  const ofOther = { repository: "a/b", headRepository: "a/b", createdAt: "2025-01-01T00:00:00Z" };
  const found = await foundIn([other], { repository: "a/b", workflowRun: ofOther });
  assert.equal(found.place, other);

  const nightly = "therock-nightly-artifacts/7-linux";
  assert.equal((await foundIn([nightly], { workflowRun: run(now) })).place, undefined);
  const asked = { workflowRun: run(now), releaseType: "nightly" };
  assert.equal((await foundIn([nightly], asked)).place, nightly);
});

Deno.test("locateRun(): without GitHub, all times and forks; a sibling's prefix is not the run's", async () => {
  const fork = "therock-artifacts-external/ROCm-TheRock/7-linux";
  assert.equal((await foundIn([fork])).place, fork);
  const siblings = ["therock-ci-artifacts/7-linux-old", "therock-ci-artifacts/7-windows"];
  assert.equal((await foundIn(siblings)).place, undefined);
});

Deno.test("locateRun(): a repository in another spelling, or by a name of the past", async () => {
  const main = "therock-ci-artifacts/7-linux";
  const workflowRun = run("2026-06-01T00:00:00Z");
  const spelled = { repository: "rocm/therock", workflowRun };
  assert.equal((await foundIn([main], spelled)).place, main);
  const past = "therock-ci-artifacts-external/ROCm-OldName/7-linux";
  assert.equal((await foundIn([past], { repository: "ROCm/OldName", workflowRun })).place, past);
});

Deno.test("locateRun(): a bucket that is named is the only one", async () => {
  const named = "therock-artifacts/7-linux";
  const both = [named, "my-bucket/ROCm-TheRock/7-linux"];
  const { place, tried } = await foundIn(both, { bucket: "my-bucket" });
  assert.equal(place, "my-bucket/ROCm-TheRock/7-linux");
  assert(tried.every(({ bucket }) => bucket === "my-bucket"));
});

/** Fails to list some buckets. */
class Failing extends MemoryBackend {
  readonly failures: Readonly<Record<string, RunOutputsError>>;

  constructor(failures: Readonly<Record<string, RunOutputsError>>) {
    super();
    this.failures = failures;
  }

  override async *list(prefix: OutputLocation, options?: ListOptions) {
    const failure = this.failures[prefix.bucket];
    if (failure !== undefined) throw failure;
    yield* super.list(prefix, options);
  }
}

Deno.test("locateRun(): a location that could not be checked does not count as empty", async () => {
  const denied = new RunOutputsError("denied", "not for you");
  const none = new RunOutputsError("not_found", "no such bucket");
  const broken = new RunOutputsError("transient", "no network");

  const refusing = new Failing({ "therock-ci-artifacts": denied });
  await rejectsWith(locate(refusing, { workflowRun: run("2026-06-01T00:00:00Z") }), "denied");
  await putRun(refusing, "therock-artifacts/7-linux", ARTIFACT);
  const { root, tried } = await locate(refusing);
  assert.equal(root?.bucket, "therock-artifacts");
  assert.deepEqual(tried[0].outcome, "refused");

  const gone = new Failing({ "therock-ci-artifacts": none });
  assert.equal((await locate(gone)).root, undefined);
  await rejectsWith(locate(new Failing({ "therock-artifacts": broken })), "transient");
});
