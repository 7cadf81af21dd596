/** Working directories of fetches: what others put in their place is never used, nor deleted. */

import assert from "node:assert/strict";
import { basename, dirname, join } from "node:path";
import { Unpacker } from "../../../src/archive/unpack/unpack.ts";
import { planFetch } from "../../../src/operations/fetch/fetch.ts";
import { fetchUnpacked } from "../../../src/operations/fetch/unpacked.ts";
import { openWorkDir, removeWorkDir, STAGING } from "../../../src/operations/fetch/work_dir.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { rejectsWith } from "../../support/errors.ts";
import { putPacked } from "../../support/staging.ts";
import { readTree, tempDir, writeTree } from "../../support/temp_dir.ts";

const onWindows = Deno.build.os === "windows";

async function names(dir: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(dir), ({ name }) => name)).sort();
}

/** Leaves a working directory with a file, as a fetch that fails does. */
async function leave(out: string, tree: Record<string, string>): Promise<string> {
  await using work = await openWorkDir(out);
  await writeTree(work.files, tree);
  return work.path;
}

/** The notes of a fetch, and the files that it finds. */
async function open(out: string): Promise<{ notes: string[]; found: Record<string, string> }> {
  const notes: string[] = [];
  await using work = await openWorkDir(out, { onNote: (text) => notes.push(text) });
  const { lock: _, ...found } = await readTree(work.files);
  return { notes, found };
}

Deno.test("openWorkDir(): a second one for the same output is refused", async () => {
  await using temp = await tempDir();
  const out = join(temp.path, "out");
  {
    await using _first = await openWorkDir(out);
    await rejectsWith(openWorkDir(out), "conflict", "another process is unpacking");
    await using _other = await openWorkDir(join(temp.path, "out2"));
  }
  assert.deepEqual(await names(temp.path), []);
});

Deno.test("openWorkDir(): where the output can't be locked, the working directory is", async () => {
  await using temp = await tempDir();
  const out = join(temp.path, "out");
  const { tryLock } = Deno.FsFile.prototype;
  // As on NFS, where a directory that is open for reading can't be locked.
  Deno.FsFile.prototype.tryLock = async function (exclusive) {
    if ((await this.stat()).isDirectory) throw new Error("bad file descriptor");
    return await tryLock.call(this, exclusive);
  };
  try {
    await using _first = await openWorkDir(out);
    await rejectsWith(openWorkDir(out), "conflict", "another process is unpacking");
  } finally {
    Deno.FsFile.prototype.tryLock = tryLock;
  }
  assert.deepEqual(await names(temp.path), []);
});

Deno.test("openWorkDir(): what an earlier one left is found, where no other user knows its name", async () => {
  await using temp = await tempDir();
  const out = join(temp.path, "out");
  const path = await leave(out, { "a.tar.zst": "a" });
  const [first] = await names(path);
  assert.deepEqual(await open(out), { notes: [], found: { "a.tar.zst": "a" } });
  const [second] = await names(path);
  if (!onWindows) {
    assert.notEqual(first, second);
    assert.equal((await Deno.stat(path)).mode! & 0o777, 0o700);
  }
  await removeWorkDir(out);
  assert.deepEqual(await names(temp.path), []);
});

Deno.test("openWorkDir(): output and working directory that were moved together belong together", async () => {
  await using temp = await tempDir();
  await leave(join(temp.path, "first/out"), { "a.tar.zst": "a" });
  await Deno.rename(join(temp.path, "first"), join(temp.path, "second"));
  const { found } = await open(join(temp.path, "second/out"));
  assert.deepEqual(found, { "a.tar.zst": "a" });
});

Deno.test("openWorkDir(): what changed the output comes before what did not", async () => {
  await using temp = await tempDir();
  const out = join(temp.path, "out");
  const paths: string[] = [];
  for (const name of ["a", `${STAGING}/journal.json`, "c"]) {
    const path = await leave(out, { [name]: "{}" });
    paths.push(path);
    // Out of the way of the next one, and back at the end.
    await Deno.rename(path, join(temp.path, `kept${paths.length}`));
  }
  for (const [i, path] of paths.entries()) {
    await Deno.rename(join(temp.path, `kept${i + 1}`), path);
  }
  const { found } = await open(out);
  assert.deepEqual(Object.keys(found), [`${STAGING}/journal.json`]);
});

/** Copies a tree: as an archiver or git would create it. */
async function copy(from: string, to: string, mode?: number): Promise<void> {
  await writeTree(to, await readTree(from));
  if (mode !== undefined) await Deno.chmod(to, mode);
}

Deno.test("openWorkDir(): a copy of a working directory is not used", async () => {
  await using temp = await tempDir();
  const out = join(temp.path, "out");
  const path = await leave(out, { "a.tar.zst": "planted" });
  await Deno.rename(path, join(temp.path, "aside"));
  await copy(join(temp.path, "aside"), path);
  const { notes, found } = await open(out);
  assert.deepEqual(found, {});
  assert.equal(notes.length, 1);
  assert(notes[0].startsWith(`'${path}' is not left by a fetch to this directory`), notes[0]);
});

Deno.test({
  name: "openWorkDir(): a copy that may have the only replaced files stops the fetch",
  ignore: onWindows,
  fn: async () => {
    await using temp = await tempDir();
    const out = join(temp.path, "out");
    const path = await leave(out, {
      [`${STAGING}/journal.json`]: "{}",
      [`${STAGING}/saved/0`]: "the only one",
    });
    await Deno.rename(path, join(temp.path, "aside"));
    await copy(join(temp.path, "aside"), path, 0o700);
    const before = await readTree(path);
    await rejectsWith(openWorkDir(out), "failed", "cannot be undone", path, "saved");
    assert.deepEqual(await readTree(path), before);
    assert.deepEqual(await names(temp.path), [basename(path), "aside"].sort());
  },
});

Deno.test("openWorkDir(): a private directory without a journal does not stop the fetch", async () => {
  await using temp = await tempDir();
  const out = join(temp.path, "out");
  const path = join(temp.path, ".out.run-outputs-fetch-0123456789ab");
  await writeTree(path, { "a.tar.zst": "a", "dir/b": "b" });
  if (!onWindows) await Deno.chmod(path, 0o700);
  const { notes, found } = await open(out);
  assert.deepEqual([found, notes.length], [{}, 1]);
});

Deno.test("fetchUnpacked(): on NFS, which keeps open files under another name, nothing is left", async () => {
  await using temp = await tempDir();
  const out = join(temp.path, "out");
  const hidden: string[] = [];
  const { remove } = Deno;
  const { close } = Deno.FsFile.prototype;
  Deno.remove = async (path, options) => {
    if (basename(String(path)) !== "lock") return await remove(path, options);
    hidden.push(join(dirname(String(path)), ".nfs1"));
    await Deno.rename(path, hidden.at(-1)!);
  };
  Deno.FsFile.prototype.close = function () {
    for (const path of hidden.splice(0)) Deno.removeSync(path);
    close.call(this);
  };
  try {
    await using work = await openWorkDir(out);
    const stagingDir = join(work.files, STAGING);
    const left: Error[] = [];
    const onLeft = (error: Error) => left.push(error);
    {
      await using _unpacker = await Unpacker.open({
        mode: "flatten",
        outputDir: out,
        stagingDir,
        onLeft,
      });
    }
    assert.deepEqual(left, []);
  } finally {
    Deno.remove = remove;
    Deno.FsFile.prototype.close = close;
  }
  assert.deepEqual(await names(temp.path), []);
});

Deno.test({
  name: "openWorkDir(): a directory that others may write to is not used",
  ignore: onWindows,
  fn: async () => {
    await using temp = await tempDir();
    const out = join(temp.path, "out");
    const path = await leave(out, { "a.tar.zst": "planted" });
    await Deno.chmod(path, 0o770);
    const { notes, found } = await open(out);
    assert.deepEqual([found, notes.length], [{}, 1]);
  },
});

Deno.test({
  name: "openWorkDir(): another user's directory is not used, whatever is in it",
  ignore: onWindows || Deno.uid() !== 0,
  fn: async () => {
    await using temp = await tempDir();
    const out = join(temp.path, "out");
    const path = await leave(out, { "a.tar.zst": "planted" });
    await Deno.chown(path, 65534, 65534);
    const { notes, found } = await open(out);
    assert.deepEqual(found, {});
    assert.match(notes.join(), /left by another user's fetch/);
    await removeWorkDir(out);
    assert.deepEqual(Object.values(await readTree(path)).filter((text) => text !== ""), [
      "planted",
    ]);
  },
});

/** Moves the working directory in a directory away, and puts a link to a user's files there. */
function swap(dir: string, precious: string): void {
  const [name] = [...Deno.readDirSync(dir)].map(({ name }) => name)
    .filter((name) => name.includes("run-outputs-fetch-"));
  Deno.renameSync(join(dir, name), join(dir, "aside"));
  Deno.symlinkSync(precious, join(dir, name));
}

const PRECIOUS = {
  "thesis": "theirs",
  [`${STAGING}/saved/0`]: "theirs",
  "a_lib_generic.tar.zst": "",
};

Deno.test({
  name: "openWorkDir(): a link in its place is not followed when archives are deleted",
  ignore: onWindows,
  fn: async () => {
    await using temp = await tempDir();
    await writeTree(join(temp.path, "precious"), PRECIOUS);
    {
      await using work = await openWorkDir(join(temp.path, "out"));
      await writeTree(work.files, { "a.tar.zst": "a" });
      swap(temp.path, join(temp.path, "precious"));
      assert.deepEqual(await work.finish(), []);
    }
    assert.deepEqual(await readTree(join(temp.path, "precious")), PRECIOUS);
  },
});

/** When the working directory is replaced, and whether the fetch notices. */
const MOMENTS = ["start", "finish", "unpacked"] as const;

for (const isInside of [false, true]) {
  for (const moment of MOMENTS) {
    Deno.test({
      name: `fetchUnpacked(): a link comes in place of the working directory ${
        isInside ? "in" : "beside"
      } the output (${moment})`,
      ignore: onWindows,
      fn: async () => {
        await using temp = await tempDir();
        const staging = join(temp.path, "staging");
        for (const name of ["a_lib_generic", "b_lib_generic"]) {
          await putPacked(join(staging, "1-linux"), `${name}.tar.zst`, {
            "artifact_manifest.txt": "s\n",
            [`s/${name}`]: "new",
          });
        }
        const outputDir = join(temp.path, "out");
        const precious = join(temp.path, "precious");
        await writeTree(precious, PRECIOUS);
        const backend = new LocalBackend(staging);
        const root = new RunOutputRoot({ bucket: "bucket", runId: "1", platform: "linux" });
        const plan = await planFetch(backend, root, { outputDir });
        let swapped = false;
        const at = (now: string) => {
          if (swapped || now !== moment) return;
          swapped = true;
          swap(isInside ? outputDir : temp.path, precious);
        };
        const { mkdir } = Deno;
        Deno.mkdir = async (path, options) => {
          const isBeside = basename(String(path)).startsWith(".out.");
          if (isInside && isBeside) throw new Deno.errors.PermissionDenied("not beside it");
          await mkdir(path, options);
        };
        const fetched = fetchUnpacked(backend, plan, {
          mode: "flatten",
          outputDir,
          onEvent: ({ type }) => at(type),
          onUnpacked: () => at("unpacked"),
        });
        // What it needs is gone, or it has just ended.
        await fetched.catch(() => {}).finally(() => Deno.mkdir = mkdir);
        assert(swapped);
        assert.deepEqual(await readTree(precious), PRECIOUS);
      },
    });
  }
}
