/** Whether files fit on a disk: what exists already, and what a killed process has left. */

import { join } from "node:path";
import { TEMPORARY_PREFIX } from "../../../src/storage/local/atomic_file.ts";
import { checkFilesFit, type FileToWrite } from "../../../src/storage/local/enough_space.ts";
import { rejectsWith } from "../../support/errors.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

const LEFT = `${TEMPORARY_PREFIX}1`;

interface Case {
  readonly what: string;
  readonly files?: readonly FileToWrite[];
  /** What exists. */
  readonly tree?: Readonly<Record<string, string>>;
  /** The bytes that must be free. */
  readonly needed: number;
}

const CASES: readonly Case[] = [
  { what: "files of a directory that does not exist need their size", needed: 300 },
  {
    what: "an existing file may be the same, and needs no space",
    tree: { "deep/a": "x".repeat(100), "b": "x".repeat(100) },
    needed: 0,
  },
  { what: "a larger file frees space", tree: { "deep/a": "x".repeat(250) }, needed: 50 },
  {
    what: "what a killed process has left counts as free",
    tree: { [`deep/${LEFT}`]: "x".repeat(20), "deep/other": "x".repeat(20) },
    needed: 280,
  },
  {
    what: "an existing file stays until a new one is complete",
    files: [{ path: "b", size: 200, isNew: true }],
    tree: { "b": "x".repeat(200) },
    needed: 200,
  },
];

for (const { what, files, tree = {}, needed } of CASES) {
  Deno.test(`checkFilesFit(): ${what}`, async () => {
    await using temp = await tempDir();
    const dir = join(temp.path, "out");
    await writeTree(dir, tree);
    const wanted = files ?? [{ path: "deep/a", size: 100 }, { path: "b", size: 200 }];
    const check = (free: number) =>
      checkFilesFit(
        "write to",
        dir,
        wanted.map((file) => ({ ...file, path: join(dir, file.path) })),
        () => Promise.resolve({ bavail: free, bsize: 1 }),
      );
    await check(needed);
    if (needed === 0) return;
    const free = needed - 1;
    await rejectsWith(
      check(free),
      "failed",
      `Cannot write to '${dir}': no space left on device: at least ${needed} B needed, ${free} B free`,
    );
  });
}
