/**
 * Every upload of a pipeline, on any storage: each writes what its dry run says, the same keys
 * everywhere, and a second one changes nothing.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { runJson } from "../support/command_line.ts";
import { assertGolden } from "../support/golden.ts";
import { makePipeline, ODD_NAME, pipelineUploads } from "../support/pipeline.ts";
import { tempDir } from "../support/temp_dir.ts";

/** Where uploads go. */
export interface Target extends AsyncDisposable {
  /** Options that say so. */
  readonly args: readonly string[];
  /** The environment. */
  readonly env: Readonly<Record<string, string>>;
  /** All keys that are there. */
  keys(): Promise<string[]>;
}

interface Document {
  readonly prefix: string;
  readonly counts: Readonly<Record<string, number>>;
  readonly files: readonly { readonly path: string; readonly outcome: string }[];
}

/** Registers the test for a kind of storage. */
export function pipelineSuite(name: string, open: (dir: string) => Promise<Target>): void {
  const title = `${name}: every upload writes the keys that its dry run names, and all are golden`;
  // The jobs' disks have names that Windows' can't.
  Deno.test({ name: title, ignore: Deno.build.os === "windows", fn });

  async function fn(): Promise<void> {
    await using dir = await tempDir();
    await makePipeline(dir.path);
    await using target = await open(join(dir.path, "staging"));
    const run = (args: readonly string[], ...more: string[]): Promise<Document> =>
      runJson(0, ["upload", ...args, ...target.args, ...more], target.env);

    const lists: Record<string, string[]> = {};
    const all = new Set<string>();
    for (const [title, args] of pipelineUploads(dir.path)) {
      const before = await target.keys();
      const planned = await run(args, "--dry-run");
      assert.deepEqual(await target.keys(), before, "a dry run wrote something");
      const done = await run(args);
      const paths = ({ files }: Document) => files.map(({ path }) => path);
      assert.deepEqual(paths(planned), paths(done), title);
      assert.deepEqual(
        { ...done.counts, written: 0, unchanged: 0 },
        { written: 0, unchanged: 0, skipped: 0, planned: 0, failed: 0 },
        title,
      );
      lists[title] = paths(done).map((path) => `${done.prefix}/${path}`);
      for (const key of lists[title]) all.add(key);
      // A cache, not an output: no result lists it.
      all.add(`${done.prefix}/retention-summary.json`);
      assert.deepEqual(await target.keys(), [...all].sort(), title);
    }
    const text = JSON.stringify(lists, null, 2).replaceAll(
      JSON.stringify(ODD_NAME).slice(1, -1),
      "ODD.log",
    );
    await assertGolden("pipeline/keys.json", `${text}\n`);

    for (const [title, args] of pipelineUploads(dir.path)) {
      const { counts, files } = await run(args);
      // What came after it is told by the pages of the run by now, and they stay as they are.
      assert.equal(counts.unchanged, files.length, `${title}: ${JSON.stringify(files, null, 1)}`);
    }
  }
}
