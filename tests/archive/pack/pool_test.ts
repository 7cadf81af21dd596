/** Compressing with many workers, few, none, and ones that break down: the same bytes, or one error. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type ArchiveMember, listMembers } from "../../../src/archive/tar/list_members.ts";
import { packIn, type PackOptions } from "../../../src/archive/pack/pack.ts";
import { type FromPackWorker, PackPool } from "../../../src/archive/pack/pool.ts";
import { readXzIndex } from "../../../src/archive/compression/xz_index.ts";
import { collect, noise } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";
import { unpack } from "../../support/unpack.ts";

const MIB = 1024 * 1024;
const WORKER = new URL("../../../src/archive/pack/worker.ts", import.meta.url).href;

/** Workers that are counted. */
class Workers {
  started = 0;
  ended = 0;

  start(): Worker {
    const worker = new Worker(WORKER, { type: "module" });
    this.started++;
    const terminate = worker.terminate.bind(worker);
    worker.terminate = () => {
      this.ended++;
      terminate();
    };
    return worker;
  }
}

/** A stand-in for a worker that can fail; Deno tells of real ones that do on standard error. */
class FakeWorker {
  onmessage: (event: { readonly data: FromPackWorker }) => void = () => {};
  onerror: (event: ErrorEvent) => void = () => {};
  readonly #work: (worker: FakeWorker) => void;
  readonly #terminated: () => void;

  constructor(work: (worker: FakeWorker) => void, terminated: () => void) {
    this.#work = work;
    this.#terminated = terminated;
  }

  postMessage(): void {
    queueMicrotask(() => this.#work(this));
  }

  say(data: FromPackWorker): void {
    this.onmessage({ data });
  }

  fail(message: string): void {
    const event = new ErrorEvent("error", { message, cancelable: true });
    this.onerror(event);
    assert(event.defaultPrevented, "an error that nobody stops ends the program");
  }

  terminate(): void {
    this.#terminated();
  }
}

/** A pool of real workers that are counted. */
function pool(size: number): { readonly pool: PackPool; readonly workers: Workers } {
  const workers = new Workers();
  return { pool: new PackPool({ size, start: () => workers.start() }), workers };
}

/** A pool of stand-ins that are counted. */
function fakes(
  size: number,
  work: (worker: FakeWorker) => void,
): { readonly pool: PackPool; readonly workers: Workers } {
  const workers = new Workers();
  const start = () => {
    workers.started++;
    return new FakeWorker(work, () => workers.ended++) as unknown as Worker;
  };
  return { pool: new PackPool({ size, start }), workers };
}

/** Packs and shows that no worker is left. */
async function packWith(
  size: number,
  members: readonly ArchiveMember[],
  options: PackOptions,
): Promise<Uint8Array> {
  const { pool: some, workers } = pool(size);
  const bytes = await collect(packIn(some, members, options));
  assert(workers.started <= size);
  assert.equal(workers.ended, workers.started);
  return bytes;
}

/** A tree of a few files, one of which is large: noise, then zeros, so not all pieces are alike. */
async function largeTree(
  root: string,
  size: number,
  noisy: number = 2 * MIB,
): Promise<ArchiveMember[]> {
  const content = new Uint8Array(size);
  content.set(noise(noisy));
  await writeTree(root, { "a": "small", "large": content, "z/1": noise(1000), "z/2": "" });
  return await listMembers(root);
}

Deno.test("packIn(): zst: the same bytes whatever the number of workers", async () => {
  await using temp = await tempDir();
  const members = await largeTree(temp.path, 30 * MIB);
  const options = { compression: "zst" } as const;
  const here = await packWith(0, members, options);
  for (const size of [1, 2, 5]) assert.deepEqual(await packWith(size, members, options), here);
  const [, large] = await unpack(here, "zst");
  assert.deepEqual(large.content, new Uint8Array(await Deno.readFile(join(temp.path, "large"))));
});

Deno.test("packIn(): xz: the same bytes whatever the number of workers, one stream of many blocks", async () => {
  await using temp = await tempDir();
  const members = await largeTree(temp.path, 30 * MIB, MIB);
  const options = { compression: "xz", level: 0 } as const;
  const here = await packWith(0, members, options);
  for (const size of [1, 3]) assert.deepEqual(await packWith(size, members, options), here);
  const index = readXzIndex((at, length) => here.subarray(at, at + length), here.length);
  assert.deepEqual(index!.blocks.map(({ size }) => size > 20 * MIB), [true, false]);
  // Sizes in a block's header are what lets xz decode blocks in parallel.
  for (const { offset } of index!.blocks) assert.equal(here[offset + 1] & 0xc0, 0xc0);
  const [, large] = await unpack(here, "xz");
  assert.deepEqual(large.content, new Uint8Array(await Deno.readFile(join(temp.path, "large"))));
});

Deno.test("packIn(): without workers, this thread produces the same bytes", async () => {
  await using temp = await tempDir();
  const members = await largeTree(temp.path, 20 * MIB, MIB);
  for (const options of [{ compression: "zst" }, { compression: "xz", level: 0 }] as const) {
    const expected = await packWith(2, members, options);
    const refused = new PackPool({
      size: 2,
      start: () => {
        throw new Deno.errors.NotSupported("no workers here");
      },
    });
    assert.deepEqual(await collect(packIn(refused, members, options)), expected);
    const { pool: broken, workers } = fakes(2, (worker) => worker.fail("no such module"));
    assert.deepEqual(await collect(packIn(broken, members, options)), expected);
    assert(workers.started > 0);
    assert.equal(workers.ended, workers.started);
  }
});

Deno.test("packIn(): a crash of a worker is one error, and no worker is left", async () => {
  await using temp = await tempDir();
  const members = await largeTree(temp.path, 40 * MIB, MIB);
  const { pool: broken, workers } = fakes(2, (worker) => {
    worker.say({ type: "ready" });
    worker.fail("the bad thing");
  });
  await rejectsWith(
    collect(packIn(broken, members, { compression: "zst" })),
    "failed",
    "a worker failed",
    "the bad thing",
  );
  assert(workers.started >= 2);
  assert.equal(workers.ended, workers.started);
});

Deno.test("packIn(): what the disk says in a worker has its code and path", async () => {
  await using temp = await tempDir();
  const members = await largeTree(temp.path, 20 * MIB);
  await Deno.remove(join(temp.path, "z", "1"));
  const { pool: some, workers } = pool(2);
  const path = join(temp.path, "z", "1");
  await rejectsWith(collect(packIn(some, members, { compression: "zst" })), "not_found", path);
  assert.equal(workers.ended, workers.started);
  await Deno.truncate(join(temp.path, "large"), 15 * MIB);
  await rejectsWith(
    collect(packIn(some, members, { compression: "zst" })),
    "failed",
    "large",
    "size changed",
  );
});

for (const compression of ["zst", "xz", "gz"] as const) {
  Deno.test(`packIn(): ${compression}: leaving early and aborting leave no worker and no file`, async () => {
    await using temp = await tempDir();
    const members = await largeTree(temp.path, 60 * MIB, MIB);
    const { pool: some, workers } = pool(2);
    const options = { compression, level: 1 };
    for await (const chunk of packIn(some, members, options)) {
      assert(chunk.length > 0);
      break;
    }
    const early = new AbortController();
    const reason = new Error("enough");
    const packing = packIn(some, members, { ...options, signal: early.signal });
    await packing.next();
    early.abort(reason);
    await assert.rejects(collect(packing), (error) => error === reason);
    const before = packIn(some, members, { ...options, signal: AbortSignal.abort(reason) });
    await assert.rejects(collect(before), (error) => error === reason);
    assert.equal(workers.ended, workers.started);
  });
}

Deno.test("packIn(): an abort in the middle of a block does not wait for its end", async () => {
  await using temp = await tempDir();
  const members = await largeTree(temp.path, 2 * MIB);
  const { pool: some, workers } = fakes(2, (worker) => worker.say({ type: "ready" }));
  const controller = new AbortController();
  const reason = new Error("enough");
  const packing = packIn(some, members, { compression: "xz", signal: controller.signal }).next();
  const rejected = assert.rejects(packing, (error) => error === reason);
  while (workers.started === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  controller.abort(reason);
  await rejected;
  assert.equal(workers.ended, workers.started);
});

Deno.test("packIn(): concurrent archives share the workers, however they are read", async () => {
  await using temp = await tempDir();
  const members = await largeTree(temp.path, 20 * MIB);
  const expected = await packWith(1, members, { compression: "zst" });
  const { pool: some, workers } = pool(2);
  const all = await Promise.all(
    Array.from({ length: 6 }, () => collect(packIn(some, members, { compression: "zst" }))),
  );
  for (const bytes of all) assert.deepEqual(bytes, expected);
  assert.equal(workers.started, 2);
  assert.equal(workers.ended, 2);

  // In turns: no one's pieces keep another one's from being made.
  const turns = Array.from({ length: 4 }, () => packIn(some, members, { compression: "zst" }));
  const lengths = turns.map(() => 0);
  for (let left = turns.length; left > 0;) {
    for (const [i, packing] of turns.entries()) {
      const { value, done } = await packing.next();
      lengths[i] += value?.length ?? 0;
      if (done) left--;
    }
  }
  assert.deepEqual(lengths, turns.map(() => expected.length));
  assert.equal(workers.ended, workers.started);
});

Deno.test("packIn(): the abort of one archive leaves the others' pieces alone", async () => {
  await using temp = await tempDir();
  const members = await largeTree(temp.path, 40 * MIB);
  const expected = await packWith(1, members, { compression: "zst" });
  const { pool: some, workers } = pool(2);
  const controller = new AbortController();
  const others = [1, 2].map(() => collect(packIn(some, members, { compression: "zst" })));
  const { signal } = controller;
  const one = packIn(some, members, { compression: "zst", signal });
  await one.next();
  controller.abort();
  await assert.rejects(collect(one), { name: "AbortError" });
  for (const bytes of await Promise.all(others)) assert.deepEqual(bytes, expected);
  assert.equal(workers.ended, workers.started);
});

Deno.test("PackPool: earlier archives get the workers first, later ones what they leave", async () => {
  const done: string[] = [];
  const answers: (() => void)[] = [];
  const { pool: some } = fakes(
    1,
    (worker) => answers.push(() => worker.say({ type: "done", bytes: new Uint8Array(1) })),
  );
  using first = some.join();
  using second = some.join();
  assert.deepEqual([first, second].map((member) => some.share(member)), [2, 2]);
  first.pieces = 1;
  assert.deepEqual([first, second].map((member) => some.share(member)), [2, 1]);
  first.pieces = 2;
  assert.equal(some.share(second), 1);

  const task = {
    piece: { parts: [], length: MIB, offset: 0 },
    compression: "zst",
    level: 3,
  } as unknown as Parameters<typeof some.run>[1];
  const run = async (name: string, member: typeof first) => {
    await some.run(member, task, new AbortController().signal);
    done.push(name);
  };
  const tasks = [
    run("second 1", second),
    run("second 2", second),
    run("first 1", first),
    run("first 2", first),
  ];
  for (const _ of tasks) {
    while (answers.length === 0) await new Promise((resolve) => setTimeout(resolve, 0));
    answers.shift()!();
  }
  await Promise.all(tasks);
  assert.deepEqual(done, ["second 1", "first 1", "first 2", "second 2"]);
});
