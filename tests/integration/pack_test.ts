/**
 * Archives that we make, read by GNU tar, bsdtar, Python, zstd and xz: the trees they unpack are
 * those that were packed, byte for byte, mode for mode, link for link, time for time.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { COMPRESSION_LEVELS } from "../../src/archive/compression/format.ts";
import { ARTIFACT_MANIFEST, listMembers } from "../../src/archive/tar/list_members.ts";
import { pack, type PackOptions } from "../../src/archive/pack/pack.ts";
import { noise } from "../support/bytes.ts";
import { type DiskEntry, diskTree } from "../support/disk_tree.ts";
import { tempDir } from "../support/temp_dir.ts";

const MIB = 1024 * 1024;

async function available(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
}

async function run(cwd: string, program: string, ...args: string[]): Promise<string> {
  const command = new Deno.Command(program, { args, cwd, env: { LC_ALL: "C.UTF-8" } });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  assert(success, `${program} ${args.join(" ")}: ${decoder.decode(stderr)}`);
  assert.equal(decoder.decode(stderr), "", `${program} warns`);
  return decoder.decode(stdout);
}

/** A tree with all that real ones have, and more; one file spans several frames and blocks. */
async function makeTree(root: string): Promise<void> {
  const write = async (
    path: string,
    content: string | Uint8Array,
    mode = 0o644,
    time = 1_600_000_000,
  ) => {
    const full = join(root, path);
    await Deno.mkdir(join(full, ".."), { recursive: true });
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    await Deno.writeFile(full, bytes);
    await Deno.chmod(full, mode);
    await Deno.utime(full, time, time);
  };
  const large = new Uint8Array(50 * MIB);
  large.set(noise(MIB), 20 * MIB);
  large.set(noise(1000, 2), 49 * MIB);
  await write("artifact_manifest.txt", "math/stage\n");
  await write("math/stage/lib/libblas.so.4.1", large);
  await write("math/stage/bin/tool", "#!/bin/sh\n", 0o755);
  await write("math/stage/read-only", "r", 0o444);
  await write("math/stage/private", "p", 0o600);
  await write("math/stage/empty-file", "");
  await write("math/stage/grün/日本 😀.txt", "names");
  await write("math/stage/odd/a\nb\\c 'd' \"e\" =f", "odd");
  await write("math/stage/-rf", "dash");
  await write("math/stage/gfx942:xnack+.kdb", "colon");
  await write("math/stage/future", "after 2038", 0o644, 4_000_000_000);
  await write("math/stage/past", "before 1970", 0o644, -86_400);
  for (const length of [99, 100, 101, 155, 200]) {
    await write(`math/stage/${"n".repeat(length)}`, `${length}`);
  }
  await write(`math/stage/${"d".repeat(90)}/${"e".repeat(120)}/${"f".repeat(200)}`, "long");
  await Deno.mkdir(join(root, "math/stage/empty-dir"));
  await Deno.mkdir(join(root, `math/stage/${"l".repeat(120)}`));
  await Deno.mkdir(join(root, "math/stage/private-dir"), { mode: 0o700 });
  const lib = join(root, "math/stage/lib");
  await Deno.symlink("libblas.so.4.1", join(lib, "libblas.so.4"));
  await Deno.symlink("libblas.so.4", join(lib, "libblas.so"));
  await Deno.symlink("lib", join(root, "math/stage/lib64"));
  await Deno.symlink("nowhere", join(root, "math/stage/dangling"));
  await Deno.symlink("日本", join(root, "math/stage/link-ü"));
  await Deno.symlink(`${"t".repeat(150)}/x`, join(root, "math/stage/long-link"));
  await Deno.link(join(root, "math/stage/bin/tool"), join(root, "math/stage/bin/same-tool"));
  await Deno.link(join(root, "math/stage/grün/日本 😀.txt"), join(root, "math/stage/zz-日本"));
}

/** What there is; Python gives links no time. */
async function seen(root: string): Promise<Record<string, DiskEntry>> {
  return Object.fromEntries(
    Object.entries(await diskTree(root)).map(([path, entry]) => [
      path,
      entry.kind === "symlink" ? { ...entry, modified: undefined } : entry,
    ]),
  );
}

const UNPACK = fileURLToPath(new URL("./unpack.py", import.meta.url));
const PYTHON = ["python3", UNPACK, "fully_trusted"] as const;

/** Who unpacks, and what. */
const READERS: Readonly<Record<string, (name: string) => readonly (readonly string[])[]>> = {
  // GNU tar wonders at times that are not of this world.
  "GNU tar": (name) => [["tar", "-xp", "--warning=no-timestamp", "-f", name, "-C", "out"]],
  bsdtar: (name) => [["bsdtar", "-xp", "-f", name, "-C", "out"]],
  // Python learns zstd in 3.14.
  python3: (name) =>
    name.endsWith(".zst")
      ? [["zstd", "-dq", name], [...PYTHON, "archive.tar", "out"]]
      : [[...PYTHON, name, "out"]],
};

/** How it is packed: the lowest, the usual and the highest level of each. */
const WAYS: readonly PackOptions[] = (["zst", "xz", "gz"] as const).flatMap((compression) => {
  const { min, standard, max } = COMPRESSION_LEVELS[compression];
  return [min, standard, max].map((level) => ({ compression, level }));
});

for (const options of WAYS) {
  const { compression, level } = options;
  Deno.test({
    name: `pack(): ${compression} level ${level}: GNU tar, bsdtar and Python unpack the same tree`,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      await using dir = await tempDir();
      const tree = join(dir.path, "tree");
      await Deno.mkdir(tree);
      await makeTree(tree);
      const expected = await seen(tree);
      assert(Object.keys(expected).length > 30);
      const members = await listMembers(tree, { first: ARTIFACT_MANIFEST });
      const name = `archive.tar.${compression}`;
      await Deno.writeFile(join(dir.path, name), ReadableStream.from(pack(members, options)));
      let readers = 0;
      for (const [title, commands] of Object.entries(READERS)) {
        if (!await available(title === "GNU tar" ? "tar" : title)) continue;
        await Deno.mkdir(join(dir.path, "out"));
        for (const [program, ...args] of commands(name)) await run(dir.path, program, ...args);
        assert.deepEqual(await seen(join(dir.path, "out")), expected, title);
        await run(dir.path, "chmod", "-R", "u+rwX", "out");
        await Deno.remove(join(dir.path, "out"), { recursive: true });
        readers++;
      }
      assert(readers > 0);
      const names = await run(dir.path, "tar", "-tf", name);
      assert.equal(names.split("\n")[0], ARTIFACT_MANIFEST);
    },
  });
}

Deno.test({
  name: "pack(): xz: xz knows all of it, and has what it needs to decode blocks in parallel",
  ignore: !await available("xz"),
  fn: async () => {
    await using dir = await tempDir();
    await Deno.writeFile(join(dir.path, "large"), new Uint8Array(60 * MIB));
    const members = await listMembers(dir.path);
    const path = join(dir.path, "archive.tar.xz");
    await Deno.writeFile(path, ReadableStream.from(pack(members, { compression: "xz" })));
    await run(dir.path, "xz", "-t", path);
    const listed = await run(dir.path, "xz", "--robot", "--list", "-vv", path);
    const lines = listed.split("\n").map((line) => line.split("\t"));
    const stream = lines.find(([kind]) => kind === "stream")!;
    assert.equal(stream[2], "3", "one stream of three blocks");
    assert.equal(lines.filter(([kind]) => kind === "stream").length, 1);
    assert.equal(lines.find(([kind]) => kind === "summary")![2], "yes", "sizes in headers");
  },
});

Deno.test({
  name: "pack(): zst: zstd finds a checksum and the size in each frame",
  ignore: !await available("zstd"),
  fn: async () => {
    await using dir = await tempDir();
    await Deno.writeFile(join(dir.path, "large"), noise(20 * MIB));
    const members = await listMembers(dir.path);
    const path = join(dir.path, "archive.tar.zst");
    await Deno.writeFile(path, ReadableStream.from(pack(members, { compression: "zst" })));
    await run(dir.path, "zstd", "-tq", path);
    const listed = await run(dir.path, "zstd", "-l", path);
    assert.match(listed, /^\s*3\s+0\s.*XXH64/m);
  },
});
