/**
 * Kills `runs prune` at many moments, 20 in CI: every run is whole, or marked and finished by the next prune, on
 * any storage. If files of runs are deleted, a record says of each why it is gone.
 *
 * @module
 */

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { readOutputs } from "../../../src/operations/manifest/read.ts";
import { RunIndex } from "../../../src/operations/retained/run_index.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import type { Subject } from "../../storage/backend_suite.ts";
import { cases } from "../../support/cases.ts";
import { killAt } from "../../support/kill.ts";
import { putRun } from "../../support/retained.ts";
import { s3Env } from "../../support/s3_subject.ts";
import { assertTold } from "../../support/told.ts";

const CLI = fileURLToPath(new URL("../../../cli.ts", import.meta.url));

/** How often a prune is killed. */
const TIMES = cases(20, 3);

/** A prune is killed before one of its first changes. They are those of two runs or three. */
const MOMENTS = 6;

/** Enough runs for the changes of so many prunes. */
const runsFor = (times: number) => Math.ceil(1.2 * times) + 5;

/** How many files a run has besides its manifest. */
const FILES = 12;

/**
 * Defines the tests for a storage.
 *
 * @param name The storage.
 * @param open Opens an empty one.
 * @param options How often a thinning is killed, if less often than a prune: each round looks at all
 * files of all runs, which takes long on a real server.
 */
export function pruneKillSuite(
  name: string,
  open: () => Promise<Subject & { readonly url?: string }>,
  { thinTimes = TIMES }: { readonly thinTimes?: number } = {},
): void {
  Deno.test(`prune, ${name}: killed at ${TIMES} moments, every run is whole or finished by the next`, async () => {
    await using world = await putWorld(open, TIMES);
    const { backend, ids, keys, index, prune } = world;
    for (let round = 0; round < TIMES; round++) {
      const at = 1 + round * 5 % MOMENTS;
      assert(await killAt({ at }, prune), `round ${round}: it made fewer than ${at} changes`);
      const there = await keys();
      for (const run of await index.enumerate()) {
        const described = await index.describe(run);
        if (described === undefined || described.deleting !== undefined) continue;
        const root = index.root(run);
        const manifest = await readOutputs(backend, root);
        assert(manifest.complete, `round ${round}: ${root.prefix} is not whole`);
        let count = 0;
        for await (const { file } of manifest.files()) {
          count++;
          assert(there.has(root.file(file.path).key), `round ${round}: ${file.path} is gone`);
        }
        assert.equal(count, FILES);
      }
    }
    assert((await index.enumerate()).length > 1, "the last prune has nothing left to do");
    assert((await prune().status).success);
    const last = `${ids.at(-1)}-linux/`;
    assert((await keys()).size > 0 && [...await keys()].every((key) => key.startsWith(last)));
    if (backend instanceof LocalBackend) {
      const names = (await Array.fromAsync(Deno.readDir(backend.stagingDir))).map((e) => e.name);
      assert.deepEqual(names, [last.slice(0, -1)]);
    }
  });

  Deno.test(`thin, ${name}: killed at ${thinTimes} moments, the record says of each file why it is gone`, async () => {
    await using world = await putWorld(open, thinTimes);
    const { backend, index } = world;
    const runs = (await index.enumerate()).map((run) => index.root(run));
    const thin: typeof world.prune = (options = [], env = {}) =>
      world.prune(options, env, ["--drop-kinds", "log"]);
    for (let round = 0; round < thinTimes; round++) {
      const at = 1 + round * 5 % MOMENTS;
      assert(await killAt({ at }, thin), `round ${round}: it made fewer than ${at} changes`);
      for (const root of runs) {
        const { listed } = await assertTold(backend, root, `round ${round}`);
        assert.equal(listed, FILES);
      }
    }
    assert((await thin().status).success);
    // The newest first: it is kept.
    for (const [i, root] of runs.entries()) {
      const { gone } = await assertTold(backend, root);
      assert.equal(gone, i === 0 ? 0 : FILES / 2);
      const run = await index.describe(root);
      assert.equal(run!.removed?.files, i === 0 ? undefined : gone);
      assert(!run!.removed?.removals.some(({ unfinished }) => unfinished));
    }
  });
}

/** Runs, half of whose files are logs, and a prune of them. */
async function putWorld(
  open: () => Promise<Subject & { readonly url?: string }>,
  times: number,
) {
  const subject = await open();
  const { backend, bucket, url } = subject;
  const ids = Array.from({ length: runsFor(times) }, (_, i) => i + 1);
  for (const id of ids) {
    const parts = {
      a: Array.from({ length: FILES / 2 }, (_, i) => `logs/g/${i}.log`),
      b: Array.from({ length: FILES / 2 }, (_, i) => `packages/${i}.rpm`),
    };
    await putRun(backend, `${id}-linux`, { parts, expected: ["a", "b"], bucket });
  }
  const top = new OutputLocation(bucket, "");
  const place = backend instanceof LocalBackend
    ? ["--staging-dir", backend.stagingDir]
    : ["--bucket", bucket];
  return {
    ...subject,
    ids,
    index: new RunIndex({ backend, bucket }),
    async keys() {
      const all = await Array.fromAsync(backend.list(top));
      return new Set(all.map(({ location }) => location.key));
    },
    prune(
      options: readonly string[] = [],
      env: Readonly<Record<string, string>> = {},
      more: readonly string[] = [],
    ) {
      const rules = ["--keep-last", "1", "--min-age", "0s", "--yes", "--allow-large", ...more];
      return new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", ...options, CLI, "runs", "prune", ...place, ...rules],
        env: { ...(url === undefined ? {} : s3Env(url)), ...env },
        stdout: "null",
        stderr: "null",
      }).spawn();
    },
  };
}
