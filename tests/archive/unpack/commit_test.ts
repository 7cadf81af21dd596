/** Changes of a target: whole or not at all, whatever fails, and whenever the process is killed. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { applySteps } from "../../../src/archive/unpack/commit.ts";
import {
  type CommitPlace,
  identity,
  type Step,
  writeJournal,
} from "../../../src/archive/unpack/journal.ts";
import { recover } from "../../../src/archive/unpack/undo.ts";
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
    { to: at("out/fresh"), from: at("staging/new/fresh") },
    { to: at("out/file"), from: at("staging/new/file"), saved: at("staging/saved/2") },
  ];
}

/** The directories that these steps are between. */
const placeIn = (dir: string): CommitPlace => ({
  stagingDir: join(dir, "staging"),
  outputDir: join(dir, "out"),
});

/** What a process leaves that was killed after so many moves: its journal, and what it moved. */
async function leave(place: CommitPlace, steps: readonly Step[], moves = Infinity): Promise<void> {
  await writeJournal(place, steps);
  for (const { to, from, saved, directory } of steps) {
    for (const [source, at] of [[saved === undefined ? undefined : to, saved], [from, to]]) {
      if (source === undefined || moves-- <= 0) continue;
      await Deno.rename(source, at!);
    }
    if (directory && moves > 0) await Deno.mkdir(to);
  }
}

const target = async (dir: string) =>
  Object.fromEntries(
    Object.entries(await readTree(join(dir, "out"))).map(([path, text]) => [`out/${path}`, text]),
  );
const AFTER = {
  "out/dir": "a file now",
  "out/file/below": "a directory now",
  "out/fresh": "new",
  "out/kept": "kept",
};
const MOVES = 6;

Deno.test("applySteps(): all changes are made, and nothing is left to undo", async () => {
  await using dir = await tempDir();
  const place = placeIn(dir.path);
  let moves = 0;
  await applySteps(place, await prepare(dir.path), { beforeMove: () => void moves++ });
  assert.equal(moves, MOVES);
  assert.deepEqual(await target(dir.path), AFTER);
  assert.equal(await recover(place), undefined);
});

for (let failing = 0; failing < MOVES; failing++) {
  Deno.test(`applySteps(): if move ${failing} fails, everything is as before`, async () => {
    await using dir = await tempDir();
    const place = placeIn(dir.path);
    let moves = 0;
    const failed = applySteps(place, await prepare(dir.path), {
      beforeMove() {
        if (moves++ === failing) throw new Deno.errors.PermissionDenied("no");
      },
    });
    await rejectsWith(failed, "denied", join(dir.path, "out"));
    assert.deepEqual(await target(dir.path), BEFORE);
    assert.equal(await recover(place), undefined, "no journal is left");
  });

  Deno.test(`recover(): killed before move ${failing}, everything is as before`, async () => {
    await using dir = await tempDir();
    const place = placeIn(dir.path);
    await leave(place, await prepare(dir.path), failing);
    assert.deepEqual((await recover(place))?.left, []);
    assert.deepEqual(await target(dir.path), BEFORE);
    assert.equal(await recover(place), undefined);
  });
}

Deno.test("recover(): directories created for the target are deleted, if empty", async () => {
  for (const kept of [false, true]) {
    await using dir = await tempDir();
    const place = { stagingDir: join(dir.path, "staging"), outputDir: join(dir.path, "a/b/out") };
    await writeTree(dir.path, { "staging/new": "new" });
    await leave(place, [
      ...["a", "a/b", "a/b/out"].map((path) => ({ to: join(dir.path, path), directory: true })),
      { to: join(place.outputDir, "new"), from: join(place.stagingDir, "new") },
    ]);
    if (kept) await Deno.writeTextFile(join(dir.path, "a/mine"), "mine");
    assert.equal((await recover(place))?.count, 1);
    const names = await Array.fromAsync(Deno.readDir(dir.path), ({ name }) => name);
    assert.deepEqual(names.sort(), kept ? ["a", "staging"] : ["staging"]);
  }
});

Deno.test("recover(): a damaged journal is reported, with the location of the old files", async () => {
  await using dir = await tempDir();
  const place = placeIn(dir.path);
  await writeTree(place.stagingDir, { "journal.json": '{"steps": [' });
  await rejectsWith(recover(place), "failed", "damaged", join(place.stagingDir, "saved"));
});

for (
  const [field, path] of [
    ["to", "../victim/new"],
    ["to", "/etc/cron.d/x"],
    ["to", "dir/../../victim/new"],
    ["to", "a//b"],
    ["to", ""],
    ["to", 7],
    ["from", "../victim/secret"],
    ["saved", "../../victim/secret"],
    ["saved", "."],
    ["saved", { toString: "x" }],
  ] as const
) {
  Deno.test(`recover(): a journal with ${field} ${JSON.stringify(path)} is rejected, and nothing moves`, async () => {
    await using dir = await tempDir();
    const place = placeIn(dir.path);
    await writeTree(dir.path, { "victim/secret": "s", "staging/saved/0": "old", "out/a": "new" });
    const step = { to: "a", from: "new/a", saved: "saved/0", [field]: path };
    await Deno.writeTextFile(
      join(place.stagingDir, "journal.json"),
      JSON.stringify({
        schema: "run-outputs.unpack-journal/3",
        output_dir: "../out",
        steps: [{ to: "a", saved: "saved/0" }, step],
      }),
    );
    const before = await readTree(dir.path);
    await rejectsWith(recover(place), "failed", "leads elsewhere", place.outputDir);
    assert.deepEqual(await readTree(dir.path), before);
  });
}

Deno.test("recover(): a journal for another target is rejected", async () => {
  await using dir = await tempDir();
  const place = placeIn(dir.path);
  await leave(place, await prepare(dir.path));
  const after = await readTree(dir.path);
  const elsewhere = { ...place, outputDir: join(dir.path, "elsewhere") };
  await rejectsWith(recover(elsewhere), "failed", "it is for '../out'");
  assert.deepEqual(await readTree(dir.path), after);
});

for (const at of [0, 3]) {
  Deno.test(`applySteps(): a link in place of the target before move ${at} is not followed`, async () => {
    await using dir = await tempDir();
    const place = placeIn(await Deno.realPath(dir.path));
    const steps = await prepare(dirname(place.outputDir));
    await writeTree(dir.path, { "victim/file": "theirs", "victim/gone/x": "theirs" });
    let move = 0;
    const beforeMove = () => {
      if (move++ !== at) return;
      Deno.renameSync(place.outputDir, `${place.outputDir}.aside`);
      Deno.symlinkSync("victim", place.outputDir);
    };
    const error = await rejection(applySteps(place, steps, { beforeMove }));
    assert.match((error as Error).message, /replaced by a link/);
    const victim = await readTree(join(dir.path, "victim"));
    assert.deepEqual(victim, { "file": "theirs", "gone/x": "theirs" });
  });
}

Deno.test("recover(): a link that came on the way is not followed", async () => {
  await using dir = await tempDir();
  const place = placeIn(dir.path);
  await writeTree(dir.path, { "out/d/f": "old", "staging/new": "new", "victim/f": "theirs" });
  await Deno.mkdir(join(place.stagingDir, "saved"));
  await leave(place, [{
    to: join(place.outputDir, "d/f"),
    from: join(place.stagingDir, "new"),
    saved: join(place.stagingDir, "saved/0"),
  }]);
  await Deno.remove(join(place.outputDir, "d"), { recursive: true });
  await Deno.symlink("../victim", join(place.outputDir, "d"));
  const undone = await recover(place);
  assert.deepEqual(undone?.left, [join(place.outputDir, "d/f")]);
  assert.equal(await Deno.readTextFile(join(dir.path, "victim/f")), "theirs");
  assert.equal(await Deno.readTextFile(join(undone!.keptIn!, "0")), "old");
});

/** What somebody does to the target after the kill; what is left then, and what it has. */
const CHANGES: Record<string, readonly [(out: string) => Promise<void>, string, string]> = {
  "a file is written": [
    (out) => Deno.writeTextFile(join(out, "dir"), "mine"),
    "dir",
    "mine",
  ],
  "a file is replaced by another one": [
    async (out) => {
      await Deno.writeTextFile(join(out, "mine"), "mine");
      await Deno.rename(join(out, "mine"), join(out, "dir"));
    },
    "dir",
    "mine",
  ],
  "a file deep in a new directory is written": [
    (out) => Deno.writeTextFile(join(out, "file/below"), "mine"),
    "file/below",
    "mine",
  ],
  "a file is added to a new directory": [
    (out) => Deno.writeTextFile(join(out, "file/added"), "mine"),
    "file/added",
    "mine",
  ],
  "a file is written, with its size and time kept": [
    async (out) => {
      const path = join(out, "dir");
      const { atime, mtime } = await Deno.stat(path);
      // Deno reports the time of such a change in whole seconds.
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await Deno.writeTextFile(path, "a file own");
      await Deno.utime(path, atime!, mtime!);
    },
    "dir",
    "a file own",
  ],
  "a file in a new directory is written, with its size and time kept": [
    async (out) => {
      const path = join(out, "file/below");
      const { atime, mtime } = await Deno.stat(path);
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await Deno.writeTextFile(path, "a directory own");
      await Deno.utime(path, atime!, mtime!);
    },
    "file/below",
    "a directory own",
  ],
  "a directory is made where one was removed": [
    (out) => writeTree(join(out, "gone"), { mine: "mine" }),
    "gone/mine",
    "mine",
  ],
};

for (const [what, [change, path, text]] of Object.entries(CHANGES)) {
  Deno.test(`recover(): ${what}: it stays, the rest is undone, and the earlier version is kept`, async () => {
    await using dir = await tempDir();
    const place = placeIn(dir.path);
    await leave(place, await prepare(dir.path));
    // Later by the clock of the disk.
    await new Promise((resolve) => setTimeout(resolve, 20));
    await change(place.outputDir);
    const undone = await recover(place);
    assert.equal(await Deno.readTextFile(join(place.outputDir, path)), text);
    const top = path.split("/")[0];
    assert.deepEqual(undone?.left, [join(place.outputDir, top)]);
    const others = (tree: Record<string, string>) =>
      Object.fromEntries(
        Object.entries(tree).filter(([name]) => name.split("/")[1] !== top),
      );
    assert.deepEqual(others(await target(dir.path)), others(BEFORE));
    const kept = Object.values(await readTree(undone!.keptIn!));
    assert.deepEqual(kept, ["old"]);
    assert.equal(await recover(place), undefined);
  });
}

for (const again of [false, true]) {
  Deno.test(`recover(): the target was deleted${again ? " and created again" : ""}: what it had is kept, and nothing comes back`, async () => {
    await using dir = await tempDir();
    const place = placeIn(dir.path);
    await leave(place, await prepare(dir.path), 3);
    await Deno.remove(place.outputDir, { recursive: true });
    if (again) await Deno.mkdir(place.outputDir);
    const undone = await recover(place);
    assert.equal(undone?.count, 0);
    assert.deepEqual(Object.keys(await readTree(dir.path)).filter((p) => p.startsWith("out/")), []);
    assert.deepEqual(await readTree(undone!.keptIn!), { "0/x": "old", "1/a": "old" });
    assert.equal(await recover(place), undefined);
  });
}

Deno.test("recover(): a target that was moved together with its journal is as before", async () => {
  await using dir = await tempDir();
  await Deno.mkdir(join(dir.path, "first"));
  await leave(placeIn(join(dir.path, "first")), await prepare(join(dir.path, "first")), 3);
  await Deno.rename(join(dir.path, "first"), join(dir.path, "second"));
  const undone = await recover(placeIn(join(dir.path, "second")));
  assert.deepEqual(undone?.left, []);
  assert.deepEqual(await target(join(dir.path, "second")), BEFORE);
});

Deno.test("identity(): a disk that is mounted again, with another device number, is the same", async () => {
  await using dir = await tempDir();
  const info = await Deno.lstat(dir.path);
  assert.equal(identity({ ...info, dev: info.dev + 1 }), identity(info));
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
  Deno.test(`Unpacker: ${mode}: what can't be undone is kept, and the next run undoes it`, async () => {
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
      assert.match(error.message, /next run into the same directory restores it$/);
      if (mode !== "flatten") {
        // It would save over what is saved.
        await rejectsWith(unpacker.commit([]), "failed", "rolls it back");
      }
    }
    assert.notDeepEqual(await readTree(outputDir), before, "the test's disk refuses too early");
    const left = Object.values(await readTree(dir.path)).filter((text) => text === "old");
    assert.equal(left.length, Object.keys(before).length, "nothing of the user's is gone");
    await using _next = await Unpacker.open(options);
    assert.deepEqual(await readTree(outputDir), before);
  });
}

Deno.test("applySteps(): what can't be undone after an abort is reported and kept", async () => {
  await using dir = await tempDir();
  const place = placeIn(dir.path);
  const staging = place.stagingDir;
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
    const failed = applySteps(place, steps, { signal: aborting.signal });
    await rejectsWith(failed, "failed", staging);
  }
  assert.equal((await recover(place))?.count, 200);
  assert.equal(Object.keys(await readTree(out)).length, 400);
});

Deno.test("recover(): a change that can't be undone does not stop the others", async () => {
  await using dir = await tempDir();
  const place = placeIn(dir.path);
  await leave(place, await prepare(dir.path));
  {
    let refusals = 0;
    const rename = Deno.renameSync;
    using _restored = { [Symbol.dispose]: () => void (Deno.renameSync = rename) };
    Deno.renameSync = (from, to) => {
      if (refusals++ === 0) throw new Deno.errors.PermissionDenied("held by another process");
      rename(from, to);
    };
    await rejectsWith(recover(place), "failed", join(dir.path, "out/file"), place.stagingDir);
  }
  const { "out/file/below": held, ...rest } = await target(dir.path);
  assert.equal(held, "a directory now");
  const { "out/file": _, ...others } = BEFORE;
  assert.deepEqual(rest, others);
  assert.deepEqual((await recover(place))?.left, []);
  assert.deepEqual(await target(dir.path), BEFORE);
});

Deno.test("recover(): old content never replaces new content that stays", async () => {
  await using dir = await tempDir();
  const at = (...path: string[]) => join(dir.path, ...path);
  const place = placeIn(dir.path);
  await writeTree(dir.path, { "out/s": "old", "staging/new/s": "new", "staging/saved/x": "" });
  await leave(place, [
    { to: at("out/s"), saved: at("staging/saved/0") },
    { to: at("out/s"), from: at("staging/new/s") },
  ]);
  await Deno.remove(at("staging/new"), { recursive: true });
  // There is no directory to move the new one back to.
  await rejectsWith(recover(place), "failed", at("out/s"));
  await Deno.mkdir(at("staging/new"));
  assert.deepEqual((await recover(place))?.left, []);
  assert.equal(await Deno.readTextFile(at("out/s")), "old");
});

/** An unpacker into `out` by way of `staging`. */
const opening = (dir: string) =>
  Unpacker.open({
    mode: "extract",
    outputDir: join(dir, "out"),
    stagingDir: join(dir, "staging"),
  });

Deno.test("Unpacker.open(): what was undone is reported", async () => {
  await using dir = await tempDir();
  const place = placeIn(await Deno.realPath(dir.path));
  await leave(place, await prepare(place.outputDir.slice(0, -4)));
  const notes: string[] = [];
  await using _unpacker = await Unpacker.open({
    mode: "extract",
    ...place,
    onUndone: (text) => void notes.push(text),
  });
  assert.equal(notes.length, 1);
  assert.match(notes[0], /^An earlier run was interrupted .*: 4 changes were undone$/);
});

Deno.test({
  name: "Unpacker.open(): a staging directory of unknown owner is rejected, and nothing changes",
  ignore: Deno.build.os === "windows",
  async fn() {
    const plants: Record<string, (dir: string) => Promise<unknown>> = {
      "is not a directory": (dir) => Deno.symlink("victim", join(dir, "staging")),
      "may write to it": async (dir) => {
        await Deno.mkdir(join(dir, "staging"));
        await Deno.chmod(join(dir, "staging"), 0o777);
      },
      "is not a file": async (dir) => {
        await Deno.mkdir(join(dir, "staging"), { mode: 0o700 });
        const made = await new Deno.Command("mkfifo", { args: [join(dir, "staging/lock")] })
          .output();
        assert(made.success);
      },
    };
    for (const [reason, plant] of Object.entries(plants)) {
      await using dir = await tempDir();
      await writeTree(dir.path, { "victim/secret": "s", "victim/saved/0": "s" });
      await plant(dir.path);
      await rejectsWith(opening(dir.path), "conflict", reason, join(dir.path, "staging"));
      assert.deepEqual(await readTree(join(dir.path, "victim")), { "secret": "s", "saved/0": "s" });
    }
  },
});
