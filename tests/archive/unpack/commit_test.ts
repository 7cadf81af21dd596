/** Changes of a target: whole or not at all, whatever fails, and whenever the process is killed. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { applySteps, recover, type Step } from "../../../src/archive/unpack/commit.ts";
import { Unpacker, type UnpackMode } from "../../../src/archive/unpack/unpack.ts";
import { rejection, rejectsWith } from "../../support/errors.ts";
import { compress, tar, type TarPart } from "../../support/tar_builder.ts";
import { readTree, tempDir, writeTree } from "../../support/temp_dir.ts";

const BEFORE = { "out/dir/a": "old", "out/file": "old", "out/kept": "kept", "out/gone/x": "old" };

/** A target, what is to come there, and the steps that bring it there. */
async function prepare(dir: string): Promise<readonly Step[]> {
  await writeTree(dir, {
    ...BEFORE,
    "staging/new/dir": "a file now",
    "staging/new/file/below": "a directory now",
    "staging/new/fresh": "new",
  });
  await Deno.mkdir(join(dir, "staging/saved"));
  const at = (...path: string[]) => join(dir, ...path);
  return [
    { to: at("out/gone"), saved: at("staging/saved/0") },
    { to: at("out/dir"), from: at("staging/new/dir"), saved: at("staging/saved/1") },
    { to: at("out/made"), directory: true },
    { to: at("out/made/fresh"), from: at("staging/new/fresh") },
    { to: at("out/file"), from: at("staging/new/file"), saved: at("staging/saved/2") },
  ];
}

const target = async (dir: string) =>
  Object.fromEntries(
    Object.entries(await readTree(join(dir, "out"))).map(([path, text]) => [`out/${path}`, text]),
  );
const AFTER = {
  "out/dir": "a file now",
  "out/file/below": "a directory now",
  "out/kept": "kept",
  "out/made/fresh": "new",
};
const MOVES = 6;

Deno.test("applySteps(): all changes are made, and there is nothing to take back", async () => {
  await using dir = await tempDir();
  const staging = join(dir.path, "staging");
  let moves = 0;
  await applySteps(staging, await prepare(dir.path), { beforeMove: () => void moves++ });
  assert.equal(moves, MOVES);
  assert.deepEqual(await target(dir.path), AFTER);
  assert.equal(await recover(staging), false);
});

for (let failing = 0; failing < MOVES; failing++) {
  Deno.test(`applySteps(): if move ${failing} fails, everything is as before`, async () => {
    await using dir = await tempDir();
    const staging = join(dir.path, "staging");
    let moves = 0;
    const failed = applySteps(staging, await prepare(dir.path), {
      beforeMove() {
        if (moves++ === failing) throw new Deno.errors.PermissionDenied("no");
      },
    });
    await rejectsWith(failed, "denied", join(dir.path, "out"));
    assert.deepEqual(await target(dir.path), BEFORE);
    assert(!(await Deno.lstat(join(dir.path, "out/made")).catch(() => false)));
    assert.equal(await recover(staging), false, "no journal is left");
  });

  Deno.test(`recover(): killed before move ${failing}, everything is as before`, async () => {
    await using dir = await tempDir();
    const staging = join(dir.path, "staging");
    const steps = await prepare(dir.path);
    // What a process leaves that was killed: its journal, and the moves that it made.
    await Deno.writeTextFile(join(staging, "journal.json"), JSON.stringify({ steps }));
    let moves = 0;
    for (const { to, from, saved, directory } of steps) {
      for (const [source, place] of [[saved === undefined ? undefined : to, saved], [from, to]]) {
        if (source === undefined || moves++ >= failing) continue;
        await Deno.rename(source, place!);
      }
      if (directory && moves < failing) await Deno.mkdir(to);
    }
    assert.equal(await recover(staging), true);
    assert.deepEqual(await target(dir.path), BEFORE);
    assert.equal(await recover(staging), false);
  });
}

Deno.test("recover(): a journal that is damaged is told, and where the old files are", async () => {
  await using dir = await tempDir();
  await Deno.writeTextFile(join(dir.path, "journal.json"), '{"steps": [');
  await rejectsWith(recover(dir.path), "failed", "damaged", join(dir.path, "saved"));
});

/** Runs a program that unpacks and is killed while it changes the target. */
async function killedCommit(dir: string, mode: UnpackMode, moves: number): Promise<void> {
  const program = `
    import { Unpacker } from ${
    JSON.stringify(new URL("../../../src/archive/unpack/unpack.ts", import.meta.url))
  };
    const rename = Deno.renameSync;
    let left = ${moves};
    Deno.renameSync = (from, to) => {
      if (String(to).includes("/out/") || String(to).includes("/saved/")) {
        if (left-- === 0) Deno.kill(Deno.pid, "SIGKILL");
      }
      rename(from, to);
    };
    await using unpacker = await Unpacker.open({
      mode: ${JSON.stringify(mode)}, outputDir: "out", stagingDir: "staging", workers: 1,
    });
    await unpacker.add({ path: "a_lib_x.tar.gz", name: "a_lib_x.tar.gz" });
    await unpacker.add({ path: "b_lib_x.tar.gz", name: "b_lib_x.tar.gz" });
    await unpacker.commit();
  `;
  const config = new URL("../../../deno.json", import.meta.url).pathname;
  const file = join(dir, "program.ts");
  await Deno.writeTextFile(file, program);
  const { code, signal, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "-A", "--no-check", "--config", config, file],
    cwd: dir,
  }).output();
  const said = new TextDecoder().decode(stderr);
  assert(code === 0 || signal === "SIGKILL", said);
}

for (const mode of ["extract", "flatten", "bootstrap"] as const) {
  Deno.test({
    name: `Unpacker: ${mode}: killed at any move, the next run finds the target as it was`,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      await using dir = await tempDir();
      const before = {
        "a_lib_x/old": "old",
        "f": "old",
        "lib/f": "old",
        "s/f": "old",
        "s/lib/old": "old",
      };
      await writeTree(join(dir.path, "out"), before);
      const manifest: TarPart = { name: "artifact_manifest.txt", content: "s\n" };
      for (const [name, content] of [["a", "new"], ["b", "newer"]] as const) {
        const bytes = tar(
          manifest,
          { name: "s/f", content },
          { name: "s/lib/f", content },
          { name: `s/${name}`, content },
        );
        await Deno.writeFile(join(dir.path, `${name}_lib_x.tar.gz`), await compress(bytes, ".gz"));
      }
      let complete = false;
      for (let moves = 0; !complete; moves++) {
        await killedCommit(dir.path, mode, moves);
        complete = await Deno.lstat(join(dir.path, "staging")).then(() => false, () => true);
        if (complete) break;
        await using _next = await Unpacker.open({
          mode,
          outputDir: join(dir.path, "out"),
          stagingDir: join(dir.path, "staging"),
        });
        assert.deepEqual(await readTree(join(dir.path, "out")), before, `after ${moves} moves`);
        assert(moves < 20, "it gets through in the end");
      }
      const after = await readTree(join(dir.path, "out"));
      assert.equal(
        after[mode === "extract" ? "b_lib_x/s/f" : mode === "flatten" ? "f" : "s/f"],
        "newer",
      );
    },
  });
}

/** Lets renames fail from the first one on for which this holds; gives the real ones back. */
function refuseRenames(begins: (from: string, to: string) => boolean): Disposable {
  const rename = Deno.renameSync;
  let refusing = false;
  Deno.renameSync = (from, to) => {
    refusing ||= begins(String(from), String(to));
    if (refusing) throw new Deno.errors.PermissionDenied("held by another process");
    rename(from, to);
  };
  return { [Symbol.dispose]: () => void (Deno.renameSync = rename) };
}

/** Two archives and a target in which each mode replaces something. */
async function prepareArchives(dir: string): Promise<{ before: Record<string, string> }> {
  const before = {
    "a_lib_x/old": "old",
    "b_lib_x/old": "old",
    "f": "old",
    "g": "old",
    "s/f": "old",
    "t/g": "old",
  };
  await writeTree(join(dir, "out"), before);
  for (const [name, root, file] of [["a", "s", "f"], ["b", "t", "g"]]) {
    const bytes = tar(
      { name: "artifact_manifest.txt", content: `${root}\n` },
      { name: `${root}/${file}`, content: "new" },
    );
    await Deno.writeFile(join(dir, `${name}_lib_x.tar.gz`), await compress(bytes, ".gz"));
  }
  return { before };
}

for (const mode of ["extract", "flatten", "bootstrap"] as const) {
  Deno.test(`Unpacker: ${mode}: what can't be taken back is kept, and the next run takes it back`, async () => {
    await using dir = await tempDir();
    const [outputDir, stagingDir] = [join(dir.path, "out"), join(dir.path, "staging")];
    const { before } = await prepareArchives(dir.path);
    const options = { mode, outputDir, stagingDir, workers: 1 };
    const target = join(await Deno.realPath(dir.path), "out", "/");
    const aborting = new AbortController();
    let moves = 0;
    {
      using _refusing = refuseRenames((from, to) => {
        const refused = [from, to].some((path) => path.startsWith(target)) && moves++ === 2;
        // Who gives up just then has to hear of it as well.
        if (refused && mode === "flatten") aborting.abort();
        return refused;
      });
      await using unpacker = await Unpacker.open({ ...options, signal: aborting.signal });
      for (const name of ["a_lib_x.tar.gz", "b_lib_x.tar.gz"]) {
        await unpacker.add({ path: join(dir.path, name), name });
      }
      const error = await rejection(unpacker.commit());
      assert.equal(error.code, "failed");
      assert(error.message.includes(await Deno.realPath(stagingDir)), error.message);
      assert.match(error.message, /next run into the same directory takes it back$/);
      if (mode !== "flatten") {
        // It would save over what is saved.
        await rejectsWith(unpacker.commit([]), "failed", "takes it back");
      }
    }
    assert.notDeepEqual(await readTree(outputDir), before, "the test's disk refuses too early");
    const left = Object.values(await readTree(dir.path)).filter((text) => text === "old");
    assert.equal(left.length, Object.keys(before).length, "nothing of the user's is gone");
    await using _next = await Unpacker.open(options);
    assert.deepEqual(await readTree(outputDir), before);
  });
}

Deno.test("applySteps(): what can't be taken back after an abort is told, and kept", async () => {
  await using dir = await tempDir();
  const staging = join(dir.path, "staging");
  await Deno.mkdir(join(staging, "saved"), { recursive: true });
  const out = join(dir.path, "out");
  await writeTree(out, Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`${i}`, "old"])));
  const steps = Array.from({ length: 400 }, (_, i): Step => ({
    to: join(out, `${i}`),
    saved: join(staging, "saved", `${i}`),
  }));
  const aborting = new AbortController();
  setTimeout(() => aborting.abort(), 0);
  {
    using _refusing = refuseRenames((from) => from.includes("saved"));
    const failed = applySteps(staging, steps, { signal: aborting.signal });
    await rejectsWith(failed, "failed", staging);
  }
  assert.equal(await recover(staging), true);
  assert.equal(Object.keys(await readTree(out)).length, 400);
});

Deno.test("recover(): one change that can't be taken back keeps no other one from it", async () => {
  await using dir = await tempDir();
  const staging = join(dir.path, "staging");
  const steps = await prepare(dir.path);
  await Deno.writeTextFile(join(staging, "journal.json"), JSON.stringify({ steps }));
  for (const { to, from, saved, directory } of steps) {
    if (saved !== undefined) await Deno.rename(to, saved);
    if (from !== undefined) await Deno.rename(from, to);
    if (directory) await Deno.mkdir(to);
  }
  {
    let refusals = 0;
    const rename = Deno.renameSync;
    using _restored = { [Symbol.dispose]: () => void (Deno.renameSync = rename) };
    Deno.renameSync = (from, to) => {
      if (refusals++ === 0) throw new Deno.errors.PermissionDenied("held by another process");
      rename(from, to);
    };
    await rejectsWith(recover(staging), "failed", join(dir.path, "out/file"), staging);
  }
  const { "out/file/below": held, ...rest } = await target(dir.path);
  assert.equal(held, "a directory now");
  const { "out/file": _, ...others } = BEFORE;
  assert.deepEqual(rest, others);
  assert.equal(await recover(staging), true);
  assert.deepEqual(await target(dir.path), BEFORE);
});

Deno.test("recover(): nothing old is put on what stands in its place, to be taken for new next time", async () => {
  await using dir = await tempDir();
  const at = (...path: string[]) => join(dir.path, ...path);
  await writeTree(dir.path, { "out/s": "new", "staging/saved/0": "old" });
  const steps: Step[] = [
    { to: at("out/s"), saved: at("staging/saved/0") },
    { to: at("out/s"), from: at("staging/new/s") },
  ];
  await Deno.writeTextFile(at("staging/journal.json"), JSON.stringify({ steps }));
  // There is no directory to move the new one back to.
  await rejectsWith(recover(at("staging")), "failed", at("out/s"));
  await Deno.mkdir(at("staging/new"));
  assert.equal(await recover(at("staging")), true);
  assert.equal(await Deno.readTextFile(at("out/s")), "old");
});
