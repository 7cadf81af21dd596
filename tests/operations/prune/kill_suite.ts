/**
 * Kills `runs prune` at many moments, 20 in CI: every run is whole, or marked and finished by the next prune, on
 * any storage.
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

const CLI = fileURLToPath(new URL("../../../cli.ts", import.meta.url));

/** How often a prune is killed. */
const TIMES = cases(20, 6);

/** A prune is killed before one of its first changes. They are those of two runs or three. */
const MOMENTS = 6;

/** Enough for all these changes. */
const RUNS = Math.ceil(1.2 * TIMES) + 5;

/** How many files a run has besides its manifest. */
const FILES = 12;

/** Defines the test for a storage. */
export function pruneKillSuite(
  name: string,
  open: () => Promise<Subject & { readonly url?: string }>,
): void {
  Deno.test(`prune, ${name}: killed at ${TIMES} moments, every run is whole or finished by the next`, async () => {
    await using subject = await open();
    const { backend, bucket, url } = subject;
    const ids = Array.from({ length: RUNS }, (_, i) => i + 1);
    for (const id of ids) {
      const paths = Array.from({ length: FILES }, (_, i) => `logs/g/${i}.log`);
      const parts = { a: paths.slice(0, FILES / 2), b: paths.slice(FILES / 2) };
      await putRun(backend, `${id}-linux`, { parts, expected: ["a", "b"], bucket });
    }
    const top = new OutputLocation(bucket, "");
    const keys = async () =>
      new Set((await Array.fromAsync(backend.list(top))).map(({ location }) => location.key));
    const index = new RunIndex({ backend, bucket });
    const place = backend instanceof LocalBackend
      ? ["--staging-dir", backend.stagingDir]
      : ["--bucket", bucket];
    const prune = (options: readonly string[] = [], env: Readonly<Record<string, string>> = {}) => {
      const rules = ["--keep-last", "1", "--min-age", "0s", "--yes", "--allow-large"];
      return new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", "--no-check", ...options, CLI, "runs", "prune", ...place, ...rules],
        env: { ...(url === undefined ? {} : s3Env(url)), ...env },
        stdout: "null",
        stderr: "null",
      }).spawn();
    };
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
}
