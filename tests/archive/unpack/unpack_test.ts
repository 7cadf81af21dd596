/** The unpacker: its modes, on a real disk, with real workers. */

import assert from "node:assert/strict";
import { join } from "node:path";
import {
  Unpacker,
  type UnpackEvent,
  type UnpackOptions,
} from "../../../src/archive/unpack/unpack.ts";
import { noise } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import { compress, tar, type TarPart } from "../../support/tar_builder.ts";
import { readTree, tempDir, writeTree } from "../../support/temp_dir.ts";

const onWindows = Deno.build.os === "windows";

type Archives = Readonly<Record<string, readonly TarPart[]>>;

/** Unpacks archives into `out` of a directory. */
async function unpack(
  dir: string,
  archives: Archives,
  options: Partial<UnpackOptions> = {},
): Promise<void> {
  await using unpacker = await Unpacker.open({
    mode: "flatten",
    outputDir: join(dir, "out"),
    stagingDir: join(dir, "out.staging"),
    workers: 2,
    ...options,
  });
  await Promise.all(
    Object.entries(archives).map(async ([name, parts]) => {
      const path = join(dir, name);
      await Deno.writeFile(path, await compress(tar(...parts), name));
      await unpacker.add({ path, name });
    }),
  );
  await unpacker.commit(Object.keys(archives));
}

const manifest = (...relpaths: string[]): TarPart => ({
  name: "artifact_manifest.txt",
  content: relpaths.map((path) => `${path}\n`).join(""),
});

const mode = async (path: string) => (await Deno.lstat(path)).mode! & 0o7777;

for (const suffix of [".tar.zst", ".tar.xz", ".tar.gz"]) {
  Deno.test(`Unpacker: extract: ${suffix}: a directory with the name up to the first dot`, async () => {
    await using dir = await tempDir();
    await writeTree(dir.path, { "out/a_lib_x/old": "gone", "out/other": "stays" });
    const large = noise(3_000_000);
    await unpack(dir.path, {
      [`a_lib_x${suffix}`]: [
        manifest("math/stage"),
        { name: "math/stage/", type: "5", mode: 0o755 },
        { name: "math/stage/empty/", type: "5" },
        { name: "math/stage/large", content: large, mtime: 1_700_000_000 },
        { name: "math/stage/tool", content: "run", mode: 0o4755 },
        { name: "math/stage/same", type: "1", target: "math/stage/tool" },
        { name: "elsewhere/file", content: "in extract, all is taken" },
      ],
    }, { mode: "extract" });
    const out = join(dir.path, "out");
    const { "a_lib_x/math/stage/large": found, ...tree } = await readTree(out);
    assert.equal(found, new TextDecoder().decode(large));
    assert.deepEqual(tree, {
      "a_lib_x/artifact_manifest.txt": "math/stage\n",
      "a_lib_x/elsewhere/file": "in extract, all is taken",
      "a_lib_x/math/stage/same": "run",
      "a_lib_x/math/stage/tool": "run",
      "other": "stays",
    });
    const stage = join(out, "a_lib_x/math/stage");
    assert((await Deno.stat(join(stage, "empty"))).isDirectory);
    assert.equal((await Deno.stat(join(stage, "large"))).mtime!.getTime(), 1_700_000_000_000);
    if (!onWindows) {
      assert.equal(await mode(join(stage, "tool")), 0o755, "set-user-ID is dropped");
      assert.equal((await Deno.stat(join(stage, "tool"))).nlink, 2);
    }
    assert.deepEqual([...Deno.readDirSync(dir.path)].map(({ name }) => name).sort(), [
      `a_lib_x${suffix}`,
      "out",
    ]);
  });
}

Deno.test("Unpacker: flatten: one tree without relpaths, and existing files stay", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "out/kept": "kept", "out/lib/old.so": "old", "out/lib/b.so": "old" });
  await unpack(dir.path, {
    "a_lib_x.tar.zst": [
      manifest("math/blas/stage", "math", "missing/from/archive"),
      { name: "math/", type: "5" },
      { name: "math/blas/", type: "5" },
      { name: "math/blas/stage/lib/a.so", content: "a" },
      { name: "math/blas/stage/lib/b.so", content: "b", mode: 0o600 },
      { name: "math/blas/readme", content: "second path" },
    ],
    "b_run_x.tar.zst": [
      manifest("run"),
      { name: "run/bin/tool", content: "tool", mode: 0o711 },
      { name: "run/lib/a.so", content: "later wins" },
      { name: "run/bin/again", type: "1", target: "run/bin/tool" },
    ],
  });
  const out = join(dir.path, "out");
  assert.deepEqual(await readTree(out), {
    "bin/again": "tool",
    "bin/tool": "tool",
    "blas/readme": "second path",
    "kept": "kept",
    "lib/a.so": "later wins",
    "lib/b.so": "b",
    "lib/old.so": "old",
  });
  if (!onWindows) {
    const umask = 0o777 & ~(await mode(out));
    assert.equal(await mode(join(out, "bin/tool")), 0o777 & ~umask, "executable bits are kept");
    assert.equal(await mode(join(out, "lib/b.so")), 0o666 & ~umask, "and no others");
  }
});

Deno.test("Unpacker: bootstrap: listed directories are emptied once, and marked", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, {
    "out/math/stage/old": "gone",
    "out/math/other": "stays",
    "out/run/stage/old": "gone",
    "out/far/stage/old": "gone",
  });
  const options = { outputDir: join(dir.path, "out"), stagingDir: join(dir.path, "staging") };
  await using unpacker = await Unpacker.open({ mode: "bootstrap", ...options });
  const add = async (name: string, ...parts: TarPart[]) => {
    await Deno.writeFile(join(dir.path, name), await compress(tar(...parts), name));
    await unpacker.add({ path: join(dir.path, name), name });
  };
  const math = manifest("math/stage", "far/stage", "nowhere/stage");
  await add("a_lib_x.tar.zst", math, { name: "math/stage/lib", content: "lib" });
  await unpacker.commit();
  await add("a_dev_x.tar.zst", math, { name: "math/stage/dev", content: "dev" });
  await add("b_run_x.tar.zst", manifest("run/stage"), { name: "run/stage/bin", content: "bin" });
  await unpacker.commit();
  assert.deepEqual(await readTree(options.outputDir), {
    "far/stage.prebuilt": "",
    "math/other": "stays",
    "math/stage.prebuilt": "",
    "math/stage/dev": "dev",
    "math/stage/lib": "lib",
    "nowhere/stage.prebuilt": "",
    "run/stage.prebuilt": "",
    "run/stage/bin": "bin",
  });
  assert((await Deno.stat(join(options.outputDir, "far/stage"))).isDirectory, "emptied, not gone");
});

Deno.test("Unpacker: nothing is in the target before commit(), and nothing without it", async () => {
  await using dir = await tempDir();
  const events: UnpackEvent[] = [];
  {
    await using unpacker = await Unpacker.open({
      mode: "extract",
      outputDir: join(dir.path, "out"),
      stagingDir: join(dir.path, "staging"),
      onEvent: (event) => events.push(event),
    });
    const name = "a_lib_x.tar.zst";
    await Deno.writeFile(join(dir.path, name), await compress(tar(manifest("a")), name));
    const { seconds, ...unpacked } = await unpacker.add({ path: join(dir.path, name), name });
    assert(seconds >= 0);
    assert.deepEqual(unpacked, {
      name,
      members: 1,
      files: 1,
      bytes: 2,
      directory: join(await Deno.realPath(dir.path), "out", "a_lib_x"),
    });
    assert.deepEqual(events, [{ name, bytes: 2048 }]);
    await rejectsWith(unpacker.add({ path: "x", name }), "invalid", "already added");
    const other = "a_lib_x.tar.xz";
    await rejectsWith(unpacker.add({ path: "x", name: other }), "invalid", "same directory");
    await rejectsWith(unpacker.add({ path: "x", name: "a.zip" }), "invalid", "a.zip");
    await rejectsWith(unpacker.commit(["b.tar.xz"]), "invalid", "was not unpacked");
    await rejectsWith(unpacker.add({ path: "none", name: "b.tar.xz" }), "not_found", "none");
  }
  assert.deepEqual([...Deno.readDirSync(dir.path)].map(({ name }) => name), ["a_lib_x.tar.zst"]);
});

Deno.test({
  name: "Unpacker: links are kept, also to links, and followed where they stay inside",
  ignore: onWindows,
  fn: async () => {
    await using dir = await tempDir();
    await Deno.mkdir(join(dir.path, "out/real"), { recursive: true });
    await Deno.symlink("real", join(dir.path, "out/in-target"));
    await unpack(dir.path, {
      "a.tar.zst": [
        manifest("s"),
        { name: "s/lib64", type: "2", target: "lib", mtime: 1_600_000_000 },
        { name: "s/lib64/x.so", type: "2", target: "x.so.1" },
        { name: "s/lib64/x.so.1", type: "2", target: "x.so.1.2" },
        { name: "s/lib/x.so.1.2", content: "code" },
        { name: "s/copy", type: "1", target: "s/lib/x.so" },
        { name: "s/dangling", type: "2", target: "not/there" },
        { name: "s/self", type: "2", target: "self" },
        { name: "s/in-target/x", content: "through a link of the target" },
      ],
      "b.tar.zst": [manifest("t"), { name: "t/lib64/b.so", content: "through a's link" }],
    });
    assert.deepEqual(await readTree(join(dir.path, "out")), {
      "copy": "-> x.so.1",
      "dangling": "-> not/there",
      "in-target": "-> real",
      "lib/b.so": "through a's link",
      "lib/x.so": "-> x.so.1",
      "lib/x.so.1": "-> x.so.1.2",
      "lib/x.so.1.2": "code",
      "lib64": "-> lib",
      "real/x": "through a link of the target",
      "self": "-> self",
    });
    const { mtime } = await Deno.lstat(join(dir.path, "out/lib64"));
    assert(mtime! > new Date(1_600_000_000_000), "it has the present time");
  },
});

Deno.test({
  name: "Unpacker: links of several archives and of the target that together lead out are rejected",
  ignore: onWindows,
  fn: async () => {
    await using dir = await tempDir();
    await writeTree(dir.path, { "outside/kept": "kept", "out/kept": "kept" });
    await Deno.symlink("../outside", join(dir.path, "out/leads-out"));
    await Deno.symlink(".", join(dir.path, "out/here"));
    const refused = async (code: "integrity" | "conflict", text: string, archives: Archives) => {
      const before = await readTree(dir.path);
      await rejectsWith(unpack(dir.path, archives), code, text);
      for (const name of Object.keys(archives)) await Deno.remove(join(dir.path, name));
      assert.deepEqual(await readTree(dir.path), before);
    };
    await refused("conflict", "points outside", {
      "a.tar": [manifest("s"), { name: "s/leads-out/evil", content: "evil" }],
    });
    await refused("integrity", "points outside", {
      "a.tar": [manifest("s"), { name: "s/l", type: "2", target: "leads-out/kept" }],
    });
    await refused("integrity", "points outside", {
      "a.tar": [manifest("s"), { name: "s/l", type: "2", target: "here/../x" }],
    });
    await refused("integrity", "points outside", {
      "a.tar": [manifest("s"), { name: "s/l", type: "2", target: "d/../x" }],
      "b.tar": [manifest("s"), { name: "s/d", type: "2", target: "." }],
    });
  },
});

Deno.test({
  name: "Unpacker: bootstrap: .prebuilt is not written through a link, even of another archive",
  ignore: onWindows,
  fn: async () => {
    await using dir = await tempDir();
    await writeTree(dir.path, { "out/kept": "kept" });
    await rejectsWith(
      unpack(dir.path, {
        "a.tar": [manifest("s", "t/u"), { name: "t/u/x", content: "" }, {
          name: "s/y.prebuilt",
          type: "2",
          target: "d/../../../../written",
        }, { name: "s/d/e/f/x", content: "" }],
        "b.tar": [manifest("s/y"), { name: "s/y/x", content: "" }],
      }, { mode: "bootstrap" }),
      "integrity",
      "points outside",
    );
    await unpack(dir.path, {
      "a.tar": [manifest("s"), { name: "s/y.prebuilt", type: "2", target: "z" }, {
        name: "s/z",
        content: "not overwritten",
      }],
      "b.tar": [manifest("s/y"), { name: "s/y/x", content: "" }],
    }, { mode: "bootstrap" });
    const { "s/z": z, "s/y.prebuilt": mark } = await readTree(join(dir.path, "out"));
    assert.deepEqual([z, mark], ["not overwritten", ""]);
  },
});

Deno.test("Unpacker: names on Windows, and those that it treats as equal", async () => {
  await using dir = await tempDir();
  const style = "windows";
  await unpack(dir.path, {
    "a.tar": [manifest("s"), { name: "s/gfx942:xnack+/aux", content: "names" }],
  }, { style });
  assert.deepEqual(await readTree(join(dir.path, "out")), { "gfx942%3Axnack+/%61ux": "names" });
  const upper = [manifest("s"), { name: "s/Lib/a", content: "" }];
  const lower = [manifest("s"), { name: "s/lib/b", content: "" }];
  const both = [...upper, ...lower.slice(1)];
  await rejectsWith(unpack(dir.path, { "a.tar": both }, { style }), "integrity", "only in case");
  const two = { "a.tar": upper, "b.tar": lower };
  await rejectsWith(unpack(dir.path, two, { style }), "conflict", "only in case");
  await unpack(dir.path, { "a.tar": upper }, { style });
  await rejectsWith(unpack(dir.path, { "b.tar": lower }, { style }), "conflict", "only in case");
  const same = { "a_lib.tar": [], "A_lib.tar": [] };
  const mode = "extract";
  await rejectsWith(unpack(dir.path, same, { style, mode }), "invalid", "same directory");
});

for (
  const [title, first, second, text = "directory"] of [
    ["a file and a directory of two archives", [
      { name: "s/x", content: "file" },
    ], [{ name: "s/x/y", content: "below" }]],
    ["a directory and a file of two archives", [
      { name: "s/x/y", content: "below" },
    ], [{ name: "s/x", content: "file" }]],
    [
      "a file in place of a directory of the target",
      [{ name: "s/dir", content: "" }],
      [],
      "a directory exists where a file is needed; move it away",
    ],
    [
      "a directory in place of a file of the target",
      [{ name: "s/file/x", content: "" }],
      [],
      "a file exists where a directory is needed; move it away",
    ],
  ] as const
) {
  Deno.test(`Unpacker: conflict: ${title}; the target is as before`, async () => {
    await using dir = await tempDir();
    await writeTree(dir.path, { "out/dir/kept": "kept", "out/file": "kept" });
    const archives = {
      "a.tar": [manifest("s"), { name: "s/new", content: "new" }, ...first],
      "b.tar": [manifest("s"), ...second],
    };
    await rejectsWith(unpack(dir.path, archives), "conflict", text);
    assert.deepEqual(await readTree(join(dir.path, "out")), { "dir/kept": "kept", "file": "kept" });
    assert.equal(await Deno.lstat(join(dir.path, "out.staging")).catch(() => "gone"), "gone");
  });
}

Deno.test("Unpacker: extract: conflict: a file where an archive's directory goes stays", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "out/b": "mine", "out/a/old": "old" });
  const archives = { "a.tar": [{ name: "new", content: "" }], "b.tar": [] };
  await rejectsWith(
    unpack(dir.path, archives, { mode: "extract" }),
    "conflict",
    join(dir.path, "out", "b"),
  );
  assert.deepEqual(await readTree(join(dir.path, "out")), { "a/old": "old", "b": "mine" });
});

Deno.test("Unpacker: an abort ends everything and leaves nothing", async () => {
  await using dir = await tempDir();
  const controller = new AbortController();
  const reason = new Error("enough");
  await assert.rejects(
    unpack(dir.path, { "a.tar.xz": [manifest("s"), { name: "s/a", content: noise(9_000_000) }] }, {
      signal: controller.signal,
      onEvent: () => controller.abort(reason),
    }),
    (error) => error === reason,
  );
  assert.deepEqual([...Deno.readDirSync(dir.path)].map(({ name }) => name), ["a.tar.xz"]);
  await rejectsWith(
    unpack(dir.path, { "b.tar.xz": [] }, { mode: "flatten" }),
    "integrity",
    "artifact_manifest.txt",
  );
});

Deno.test("Unpacker: the second of two for one directory fails with a message", async () => {
  await using dir = await tempDir();
  const options: UnpackOptions = {
    mode: "flatten",
    outputDir: join(dir.path, "out"),
    stagingDir: join(dir.path, "staging"),
  };
  {
    await using _first = await Unpacker.open(options);
    await rejectsWith(Unpacker.open(options), "conflict", "another process");
  }
  await using _third = await Unpacker.open(options);
});

Deno.test("Unpacker: a target that is a file is rejected, one that is a link is followed", async () => {
  await using dir = await tempDir();
  await writeTree(dir.path, { "file": "", "real/kept": "kept" });
  await rejectsWith(
    unpack(dir.path, {}, { outputDir: join(dir.path, "file") }),
    "conflict",
    "file",
  );
  if (onWindows) return;
  await Deno.symlink("real", join(dir.path, "out"));
  await unpack(dir.path, { "a.tar": [manifest("s"), { name: "s/a", content: "a" }] });
  assert.deepEqual(await readTree(join(dir.path, "real")), { "a": "a", "kept": "kept" });
});

Deno.test("Unpacker: workers with permissions of their own unpack as well", async () => {
  await using dir = await tempDir();
  for (const suffix of ["xz", "zst", "gz"]) {
    const parts = [manifest("s"), { name: "s/a", content: suffix }];
    await unpack(dir.path, { [`a.tar.${suffix}`]: parts }, { narrowWorkers: true });
    assert.deepEqual(await readTree(join(dir.path, "out")), { "a": suffix });
  }
});

Deno.test({
  name: "Unpacker: workers with permissions of their own read archives through links",
  ignore: onWindows,
  fn: async () => {
    await using dir = await tempDir();
    const bytes = tar(manifest("s"), { name: "s/a", content: "a" });
    await Deno.mkdir(join(dir.path, "real"));
    await Deno.writeFile(join(dir.path, "real", "a.tar.gz"), await compress(bytes, ".gz"));
    await Deno.symlink("real", join(dir.path, "linked"));
    await Deno.mkdir(join(dir.path, "other"));
    await Deno.symlink("../real/a.tar.gz", join(dir.path, "other", "a.tar.gz"));
    for (const name of ["linked", "other"]) {
      await using unpacker = await Unpacker.open({
        mode: "flatten",
        outputDir: join(dir.path, `out-${name}`),
        stagingDir: join(dir.path, `staging-${name}`),
        workers: 1,
        narrowWorkers: true,
      });
      const job = { path: join(dir.path, name, "a.tar.gz"), name: "a.tar.gz" };
      unpacker.prepare([job]);
      await unpacker.add(job);
      await unpacker.commit();
      assert.deepEqual(await readTree(join(dir.path, `out-${name}`)), { "a": "a" });
    }
  },
});

Deno.test("Unpacker: of the archives that wait for a worker the largest is next", async () => {
  await using dir = await tempDir();
  const sizes = { a_lib_x: 2_000_000, b_lib_x: 1000, c_lib_x: 200_000, d_lib_x: 900_000 };
  const started: string[] = [];
  await using unpacker = await Unpacker.open({
    mode: "extract",
    outputDir: join(dir.path, "out"),
    stagingDir: join(dir.path, "out.staging"),
    workers: 1,
    onEvent: ({ name }) => {
      if (started.at(-1) !== name) started.push(name);
    },
  });
  const jobs = await Promise.all(
    Object.entries(sizes).map(async ([short, size]) => {
      const name = `${short}.tar.gz`;
      const path = join(dir.path, name);
      const parts = [manifest("s"), { name: "s/f", content: noise(size) }];
      await Deno.writeFile(path, await compress(tar(...parts), name));
      return { path, name };
    }),
  );
  unpacker.prepare(jobs);
  const first = unpacker.add(jobs[0]);
  await Promise.all([first, ...jobs.slice(1).map((job) => unpacker.add(job))]);
  assert.deepEqual(started, ["a", "d", "c", "b"].map((short) => `${short}_lib_x.tar.gz`));
});

Deno.test({
  name: "Unpacker: an archive with a name too long for the disk is rejected, in a short line",
  ignore: onWindows,
  fn: async () => {
    await using dir = await tempDir();
    const deep = join(dir.path, ...Array.from({ length: 6 }, () => "d".repeat(250)));
    await Deno.mkdir(deep, { recursive: true });
    const options = { outputDir: join(deep, "out"), stagingDir: join(deep, "staging") };
    const path = `${`${"n".repeat(250)}/`.repeat(12)}f`;
    const records = `${path.length + 11} path=${path}\n`;
    const archives = {
      "a.tar.zst": [{ name: "pax", type: "x", content: records }, { name: "cut" }],
    };
    const error = await unpack(dir.path, archives, { mode: "extract", ...options }).then(
      () => assert.fail("it was unpacked"),
      (error) => error,
    );
    assert.equal(error.code, "integrity", error.message);
    assert.match(error.message, /its name is too long for this file system$/);
    assert(error.message.length < 300, error.message);
  },
});
