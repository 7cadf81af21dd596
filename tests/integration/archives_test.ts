/**
 * Archives made by GNU tar, bsdtar and Python: unpacked by us and by the tool itself, and compared
 * byte for byte, mode for mode, link for link.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Unpacker, type UnpackOptions } from "../../src/archive/unpack/unpack.ts";
import { noise } from "../support/bytes.ts";
import { type DiskEntry, diskTree } from "../support/disk_tree.ts";
import { rejectsWith } from "../support/errors.ts";
import { tempDir } from "../support/temp_dir.ts";

async function available(program: string): Promise<boolean> {
  try {
    return (await new Deno.Command(program, { args: ["--version"] }).output()).success;
  } catch {
    return false;
  }
}

async function run(dir: string, program: string, ...args: string[]): Promise<void> {
  const { success, stderr } = await new Deno.Command(program, { args, cwd: dir }).output();
  assert(success, `${program} ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
}

/** A tree with all that real ones have, and more. */
async function makeTree(root: string, options: { readonly long: boolean }): Promise<void> {
  const write = async (path: string, content: string | Uint8Array, mode = 0o644) => {
    const full = join(root, path);
    await Deno.mkdir(join(full, ".."), { recursive: true });
    await Deno.writeFile(
      full,
      typeof content === "string" ? new TextEncoder().encode(content) : content,
    );
    await Deno.chmod(full, mode);
    await Deno.utime(full, 1_600_000_000, 1_600_000_000);
  };
  await write("artifact_manifest.txt", "math/stage\n");
  await write("math/stage/lib/libblas.so.4.1", noise(700_000));
  await write("math/stage/bin/tool", "#!/bin/sh\n", 0o755);
  await write("math/stage/bin/setuid", "s", 0o4755);
  await write("math/stage/read-only", "r", 0o444);
  await write("math/stage/private", "p", 0o600);
  await write("math/stage/empty-file", "");
  await write("math/stage/grün/日本 😀.txt", "names");
  await write("math/stage/odd/a\nb\\c 'd' \"e\"", "odd");
  await write("math/stage/-rf", "dash");
  await write("math/stage/gfx942:xnack+.kdb", "colon");
  await write(`math/stage/${"n".repeat(99)}`, "short of the limit");
  if (options.long) {
    await write(`math/stage/${"d".repeat(90)}/${"e".repeat(120)}/${"f".repeat(200)}`, "long");
    await Deno.symlink(`${"t".repeat(150)}/x`, join(root, "math/stage/long-link"));
  }
  await Deno.mkdir(join(root, "math/stage/empty-dir"));
  await Deno.mkdir(join(root, "math/stage/private-dir"), { mode: 0o700 });
  const lib = join(root, "math/stage/lib");
  await Deno.symlink("libblas.so.4.1", join(lib, "libblas.so.4"));
  await Deno.symlink("libblas.so.4", join(lib, "libblas.so"));
  await Deno.symlink("lib", join(root, "math/stage/lib64"));
  await Deno.symlink("../stage/bin/tool", join(root, "math/stage/up-and-down"));
  await Deno.symlink("nowhere", join(root, "math/stage/dangling"));
  await Deno.link(join(root, "math/stage/bin/tool"), join(root, "math/stage/bin/same-tool"));
  await Deno.link(join(root, "math/stage/bin/tool"), join(root, "math/stage/zz-same-tool"));
}

const PYTHON_PACK = `
import sys, tarfile
fmt = {"gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT, "ustar": tarfile.USTAR_FORMAT}
with tarfile.open(sys.argv[1], "w", format=fmt[sys.argv[2]]) as t:
    t.add("tree/artifact_manifest.txt", "artifact_manifest.txt")
    t.add("tree/math", "math")
`;
const UNPACK = fileURLToPath(new URL("./unpack.py", import.meta.url));

interface Tool {
  readonly program: string;
  pack(format: string): readonly string[];
  readonly unpack: readonly string[];
  /** Whether it gives symbolic links their times. */
  readonly setsLinkTimes: boolean;
}

const TAR_UNPACK = [
  "-x",
  "--no-same-owner",
  "--no-same-permissions",
  "-f",
  "a.tar",
  "-C",
  "theirs",
];
const TOOLS: Readonly<Record<string, Tool>> = {
  "GNU tar": {
    program: "tar",
    pack: (
      format,
    ) => [`--format=${format}`, "-cf", "a.tar", "-C", "tree", "artifact_manifest.txt", "math"],
    unpack: TAR_UNPACK,
    setsLinkTimes: true,
  },
  "bsdtar": {
    program: "bsdtar",
    pack: (format) => [
      ...["--format", format === "gnu" ? "gnutar" : format],
      ...["-cf", "a.tar", "-C", "tree", "artifact_manifest.txt", "math"],
    ],
    unpack: TAR_UNPACK,
    setsLinkTimes: true,
  },
  "Python": {
    program: "python3",
    pack: (format) => ["-c", PYTHON_PACK, "a.tar", format],
    unpack: [UNPACK, "tar", "a.tar", "theirs"],
    setsLinkTimes: false,
  },
};

const COMPRESSIONS: Readonly<Record<string, readonly string[]>> = {
  "": [],
  ".xz": ["xz", "-k", "-T1"],
  ".zst": ["zstd", "-q", "-k"],
  ".gz": ["gzip", "-k"],
};

async function unpack(
  dir: string,
  name: string,
  options: Pick<UnpackOptions, "limits"> = {},
): Promise<Record<string, DiskEntry>> {
  await using unpacker = await Unpacker.open({
    ...options,
    mode: "extract",
    outputDir: join(dir, "ours"),
    stagingDir: join(dir, "staging"),
    workers: 1,
  });
  await unpacker.add({ path: join(dir, name), name });
  await unpacker.commit();
  return comparable(await diskTree(join(dir, "ours/a")));
}

/** Set-user-ID is never given by us; a directory's owner can always use it. */
function comparable(tree: Record<string, DiskEntry>): Record<string, DiskEntry> {
  return Object.fromEntries(
    Object.entries(tree).map(([path, { mode, ...entry }]) => [
      path,
      mode === undefined || entry.kind === "symlink" ? entry : { ...entry, mode: mode & 0o777 },
    ]),
  );
}

/** What a tool that leaves links with the time of their making can be compared with. */
function withoutLinkTimes(tree: Record<string, DiskEntry>): Record<string, DiskEntry> {
  return Object.fromEntries(
    Object.entries(tree).map(([path, entry]) => {
      if (entry.kind !== "symlink") return [path, entry];
      const { modified: _, ...rest } = entry;
      return [path, rest];
    }),
  );
}

for (const [title, tool] of Object.entries(TOOLS)) {
  for (const format of ["gnu", "pax", "ustar"]) {
    Deno.test({
      name: `archives of ${title}, format ${format}: as the tool itself unpacks them`,
      ignore: !await available(tool.program),
      fn: async () => {
        await using dir = await tempDir();
        // ustar has no place for long names.
        await makeTree(join(dir.path, "tree"), { long: format !== "ustar" });
        await run(dir.path, tool.program, ...tool.pack(format));
        await Deno.mkdir(join(dir.path, "theirs"));
        await run(dir.path, tool.program, ...tool.unpack);
        const found = comparable(await diskTree(join(dir.path, "theirs")));
        const theirs = tool.setsLinkTimes ? found : withoutLinkTimes(found);
        assert(Object.keys(theirs).length > 20);
        for (const [suffix, [program, ...args]] of Object.entries(COMPRESSIONS)) {
          if (program !== undefined) await run(dir.path, program, ...args, "a.tar");
          const ours = await unpack(dir.path, `a.tar${suffix}`);
          assert.deepEqual(tool.setsLinkTimes ? ours : withoutLinkTimes(ours), theirs, suffix);
        }
      },
    });
  }
}

/** How sparse files are packed: GNU tar's three ways in pax, its own, and bsdtar's. */
const SPARSE: readonly (readonly string[])[] = [
  ["tar", "--format=gnu", "--sparse"],
  ...["0.0", "0.1", "1.0"].map((
    version,
  ) => ["tar", "--format=pax", "--sparse", `--sparse-version=${version}`]),
  ["bsdtar", "--format=pax"],
];

/** A file with a part in each of several places, the first in a block, the last before a hole. */
async function makeSparse(path: string, parts: number): Promise<void> {
  using file = await Deno.open(path, { write: true, create: true });
  for (let i = 0; i < parts; i++) {
    await file.seek(i * 100_000 + (i % 2) * 4096, Deno.SeekMode.Start);
    await file.write(noise(5000, i));
  }
  await file.truncate(parts * 100_000 + 500_000);
}

for (const [program, ...args] of SPARSE) {
  Deno.test({
    name: `archives of ${program} ${args.join(" ")}: sparse files have their holes and parts`,
    ignore: !await available(program),
    fn: async () => {
      await using dir = await tempDir();
      const tree = join(dir.path, "tree");
      await Deno.mkdir(tree);
      await makeSparse(join(tree, "few"), 3);
      await makeSparse(join(tree, "many"), 60);
      await Deno.writeFile(join(tree, "hole"), new Uint8Array());
      await Deno.truncate(join(tree, "hole"), 3_000_000);
      await Deno.writeTextFile(join(tree, "plain"), "plain");
      const names = ["few", "hole", "many", "plain"];
      await run(dir.path, program, ...args, "-cf", "a.tar", "-C", "tree", ...names);
      assert((await Deno.stat(join(dir.path, "a.tar"))).size < 1_500_000, "it is sparse");
      const ours = await unpack(dir.path, "a.tar");
      assert.deepEqual(ours, comparable(await diskTree(tree)));
      const { blocks } = await Deno.stat(join(dir.path, "ours/a/many"));
      assert(blocks! * 512 < 3_000_000, `holes take no space: ${blocks}`);
    },
  });
}

for (const [long, needed] of [[28, 256], [31, 2048]] as const) {
  Deno.test({
    name:
      `archives compressed by zstd --long=${long}: rejected, naming the option that allows them`,
    ignore: !await available("zstd"),
    fn: async () => {
      await using dir = await tempDir();
      await makeTree(join(dir.path, "tree"), { long: true });
      await run(dir.path, "tar", ...TOOLS["GNU tar"].pack("gnu"));
      // From a pipe, so that zstd does not know how little comes.
      await run(dir.path, "sh", "-c", `cat a.tar | zstd -q --long=${long} > a.tar.zst`);
      await rejectsWith(
        unpack(dir.path, "a.tar.zst"),
        "integrity",
        `decoding it takes ${needed} MiB of memory (--max-memory ${needed}M)`,
      );
      const plain = await unpack(dir.path, "a.tar");
      const limits = { maxMemory: needed * 1024 ** 2 };
      assert.deepEqual(await unpack(dir.path, "a.tar.zst", { limits }), plain);
    },
  });
}

for (
  const args of [["-T2", "--block-size=100KiB"], ["-9e"], ["--check=sha256"], ["--x86", "--lzma2"]]
) {
  Deno.test({
    name: `archives compressed by xz ${args.join(" ")}`,
    ignore: !await available("xz"),
    fn: async () => {
      await using dir = await tempDir();
      await makeTree(join(dir.path, "tree"), { long: true });
      await run(dir.path, "tar", ...TOOLS["GNU tar"].pack("gnu"));
      await run(dir.path, "xz", "-k", ...args, "a.tar");
      const plain = await unpack(dir.path, "a.tar");
      assert.deepEqual(await unpack(dir.path, "a.tar.xz"), plain);
    },
  });
}
