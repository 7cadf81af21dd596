/** A bisect from step to step, and after whatever comes between. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { Bisect, resetBisect } from "../../../src/operations/bisect/bisect.ts";
import { prefetchNext } from "../../../src/operations/bisect/prefetch.ts";
import type {
  BisectEnding,
  BisectSource,
  BisectTest,
} from "../../../src/operations/bisect/source.ts";
import { rejectsWith } from "../../support/errors.ts";
import { FakeSource, lineFrom, MemoryStore, numberOf, sha } from "./support.ts";

const now = () => new Date("2026-06-01T00:00:00Z");

function parts() {
  const [store, source] = [new MemoryStore(), new FakeSource()];
  const lacking: number[] = [];
  const onLacking = ({ sha }: { readonly sha: string }) => void lacking.push(numberOf(sha));
  return { store, source, now, onLacking, lacking };
}

/** Tests what has a directory: bad from a commit on. */
const testFrom = (firstBad: number) => (step: BisectTest) =>
  Promise.resolve(numberOf(step.commit.sha) >= firstBad ? "bad" as const : "good" as const);

const numbers = ({ suspects }: BisectEnding) => suspects.map(({ sha }) => numberOf(sha));

async function isTest(bisect: Bisect, number: number): Promise<void> {
  const step = await bisect.next();
  assert(step.kind === "test");
  assert.equal(numberOf(step.commit.sha), number);
}

Deno.test("Bisect: run() finds the first bad commit, whatever lacks artifacts or is broken", async () => {
  const some = fc.uniqueArray(fc.integer({ min: 1, max: 40 }), { maxLength: 12 });
  await fc.assert(fc.asyncProperty(
    fc.integer({ min: 1, max: 40 }),
    fc.nat(39),
    some,
    some,
    async (count, position, lacking, broken) => {
      const p = parts();
      p.source.lacking = new Set(lacking);
      p.source.broken = new Set(broken);
      const firstBad = 1 + position % count;
      const bisect = await Bisect.start(p, lineFrom(count));
      const ending = await bisect.run(testFrom(firstBad));
      const useless = new Set([...lacking, ...broken]);
      const useful = [...Array(count).keys()].filter((number) => !useless.has(number));
      const good = useful.findLast((number) => number < firstBad && number > 0) ?? 0;
      const bad = useful.find((number) => number >= firstBad) ?? count;
      const between = Array.from({ length: bad - good }, (_, i) => good + 1 + i);
      assert.deepEqual(numbers(ending), between);
      assert.equal(ending.kind, between.length === 1 ? "found" : "suspects");
      assert.equal(new Set(p.source.asked).size, p.source.asked.length, "asked twice");
      assert.equal(new Set(p.source.fetched).size, p.source.fetched.length, "fetched twice");
      assert.deepEqual([...p.source.directories], []);
    },
  ));
});

Deno.test("Bisect: after a kill at any write, the next process continues to the same result", async () => {
  const p = parts();
  p.source.lacking = new Set([4, 9, 10, 11]);
  p.source.broken = new Set([6]);
  const whole = await (await Bisect.start(p, lineFrom(19))).run(testFrom(7));
  assert.deepEqual(numbers(whole), [6, 7]);
  for (let kill = 1;; kill++) {
    const q = parts();
    q.source.lacking = p.source.lacking;
    q.source.broken = p.source.broken;
    await Bisect.start(q, lineFrom(19));
    q.store.writesLeft = kill;
    const killed = await (await Bisect.open(q)).run(testFrom(7)).then(() => false, () => true);
    q.store.writesLeft = Infinity;
    const ending = await (await Bisect.open(q)).run(testFrom(7));
    assert.deepEqual(ending, whole, `killed at write ${kill}`);
    assert.deepEqual([...q.source.directories], []);
    if (!killed) return assert(kill > 10);
  }
});

Deno.test("Bisect: next() returns the same again, and fetches a deleted directory again", async () => {
  const p = parts();
  const bisect = await Bisect.start(p, lineFrom(8));
  await isTest(bisect, 4);
  await isTest(await Bisect.open(p), 4);
  assert.deepEqual(p.source.fetched, [4]);
  p.source.directories.clear();
  await isTest(bisect, 4);
  assert.deepEqual(p.source.fetched, [4, 4]);
  assert.deepEqual(p.source.asked, [4]);
});

Deno.test("Bisect: a transient error is no verdict on a commit", async () => {
  const p = parts();
  const bisect = await Bisect.start(p, lineFrom(8));
  const transient = () => Promise.reject(new RunOutputsError("transient", "no network"));
  p.source.trouble = transient;
  await rejectsWith(bisect.next(), "transient", "no network");
  assert.deepEqual(bisect.state.artifacts, {});
  await isTest(bisect, 4);
  await bisect.mark("good");
  p.source.trouble = () => Promise.reject(new RunOutputsError("failed", "the disk is full"));
  await rejectsWith(bisect.next(), "failed", "full");
  await isTest(bisect, 6);
  assert.deepEqual(p.lacking, []);
});

Deno.test("Bisect: commits with unusable artifacts are skipped, with the reason", async () => {
  const p = parts();
  p.source.lacking = new Set([4]);
  p.source.broken = new Set([3]);
  const bisect = await Bisect.start(p, lineFrom(8));
  await isTest(bisect, 5);
  assert.deepEqual(p.lacking, [4, 3]);
  assert.deepEqual(bisect.state.artifacts[sha(3)], { status: "no", reason: "a wrong checksum" });
});

Deno.test("Bisect: a verdict needs a commit that is there to be tested, or a name", async () => {
  const p = parts();
  const bisect = await Bisect.start(p, lineFrom(8));
  await rejectsWith(bisect.mark("good"), "conflict", "'run-outputs bisect next' fetches one");
  await bisect.mark("good", [sha(3), sha(2)]);
  await bisect.mark("bad", [sha(5).toUpperCase()]);
  await isTest(bisect, 4);
  // Said of another one, it is not said of this one; what was there is looked for anew.
  await bisect.mark("skip", [sha(4)]);
  await rejectsWith(bisect.mark("bad"), "conflict", "finished: 2 commits can't be distinguished");
  await bisect.mark("good", [sha(4)]);
  await rejectsWith(
    bisect.mark("bad"),
    "conflict",
    `finished: ${sha(5).slice(0, 10)} is the first bad`,
  );
});

Deno.test("Bisect: of several verdicts either all are recorded or none", async () => {
  const p = parts();
  const bisect = await Bisect.start(p, lineFrom(8));
  await rejectsWith(bisect.mark("good", [sha(3), sha(8)]), "conflict", "is marked as bad");
  await rejectsWith(bisect.mark("bad", [sha(3), "zzzz"]), "invalid", '"zzzz"');
  await rejectsWith(bisect.mark("bad", [sha(99)]), "invalid", "a commit in the bisect");
  await rejectsWith(bisect.mark("bad", ["0000"]), "invalid", "more digits of its SHA");
  await rejectsWith(bisect.mark("bad", ["000"]), "invalid", "4 to 40 digits");
  assert.deepEqual((await Bisect.open(p)).state.log, []);
});

Deno.test("Bisect: the log has origin, verdict and time", async () => {
  const p = parts();
  const bisect = await Bisect.start(p, lineFrom(4));
  await bisect.run((step) =>
    Promise.resolve(
      numberOf(step.commit.sha) === 2 ? "skip" as const : { verdict: "bad" as const, exitCode: 3 },
    )
  );
  const at = "2026-06-01T00:00:00.000Z";
  assert.deepEqual(bisect.state.log, [
    { at, sha: sha(2), verdict: "skip" },
    { at, sha: sha(1), verdict: "bad", exit_code: 3 },
  ]);
  assert.equal(bisect.state.started_at, at);
});

Deno.test("Bisect: a test that throws is no verdict; the bisect continues with the same commit", async () => {
  const p = parts();
  const bisect = await Bisect.start(p, lineFrom(8));
  await assert.rejects(bisect.run(() => Promise.reject(new Error("crashed"))), /crashed/);
  assert.deepEqual(bisect.state.log, []);
  await isTest(bisect, 4);
  const controller = new AbortController();
  const running = bisect.run((_, { signal }) => {
    controller.abort(new Error("interrupted"));
    return Promise.resolve(signal!.aborted ? "bad" as const : "good" as const);
  }, { signal: controller.signal });
  await assert.rejects(running, /interrupted/);
  assert.deepEqual(bisect.state.log, []);
});

Deno.test("Bisect: while a commit is tested both that can be next are brought near", async () => {
  const p = parts();
  p.source.lacking = new Set([6]);
  const bisect = await Bisect.start(p, lineFrom(8));
  await isTest(bisect, 4);
  await bisect.prefetch();
  assert.deepEqual(p.source.prefetched.sort(), [2, 5]);
  assert.deepEqual(p.source.asked.toSorted(), [2, 4, 5, 6]);
  assert.deepEqual(p.lacking, [6]);
  await bisect.mark("good");
  await isTest(await Bisect.open(p), 5);
  assert.equal(p.source.asked.length, 4);
});

Deno.test("Bisect: the end of a test aborts prefetches, but not look-ups", async () => {
  const p = parts();
  p.source.slow = true;
  const bisect = await Bisect.start(p, lineFrom(8));
  assert.deepEqual(numbers(await bisect.run(testFrom(3))), [3]);
  assert.deepEqual(p.source.prefetched, []);
  assert.equal(new Set(p.source.asked).size, p.source.asked.length);
  assert(p.source.asked.length > 3, "nothing was asked ahead");
});

Deno.test("Bisect: a failed prefetch is silent, and requested again", async () => {
  const p = parts();
  const bisect = await Bisect.start(p, lineFrom(8));
  await isTest(bisect, 4);
  p.source.trouble = () => Promise.reject(new RunOutputsError("transient", "no network"));
  await bisect.prefetch();
  assert.equal(p.source.prefetched.length, 1);
  assert.deepEqual(numbers(await bisect.run(testFrom(1))), [1]);
});

Deno.test("Bisect: nothing is prefetched without a current commit", async () => {
  const p = parts();
  const bisect = await Bisect.start(p, lineFrom(8));
  await bisect.prefetch();
  assert.deepEqual(p.source.asked, []);
  await isTest(bisect, 4);
  const stop = AbortSignal.abort();
  await prefetchNext(bisect.state, p.source, { stop, onFound: () => {} });
  // Where nothing can be brought, nothing is asked.
  const still: BisectSource = {
    find: (commit) => p.source.find(commit),
    fetch: (commit) => p.source.fetch(commit),
    has: (directory) => p.source.has(directory),
    discard: (sha) => p.source.discard(sha),
  };
  await prefetchNext(bisect.state, still, { onFound: () => {} });
  assert.deepEqual(p.source.asked, [4]);
});

Deno.test("Bisect: one at a time in a store, until it is reset", async () => {
  const p = parts();
  await rejectsWith(Bisect.open(p), "not_found", "bisect start");
  const bisect = await Bisect.start(p, lineFrom(8));
  await rejectsWith(Bisect.start(p, lineFrom(8)), "conflict", "one is in progress");
  await isTest(bisect, 4);
  await resetBisect(p.store, p.source);
  assert.deepEqual([...p.source.directories], []);
  await rejectsWith(Bisect.open(p), "not_found", "bisect start");
  await rejectsWith(resetBisect(p.store, p.source), "not_found", "bisect start");
});

Deno.test("Bisect: between neighbours there is nothing to test", async () => {
  const p = parts();
  const ending = await (await Bisect.start(p, lineFrom(1))).next();
  assert.deepEqual([ending.kind, p.source.asked], ["found", []]);
});
