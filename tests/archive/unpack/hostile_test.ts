/**
 * Archives that are broken or meant to do harm, each with its verdict: refused with a reason, or
 * unpacked to a tree. Around the target is what they must not touch.
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import zlib from "node:zlib";
import { Unpacker, type UnpackOptions } from "../../../src/archive/unpack/unpack.ts";
import { concat, noise } from "../../support/bytes.ts";
import { rejectsWith } from "../../support/errors.ts";
import {
  compress,
  END,
  gnuLong,
  pax,
  tar,
  type TarPart,
  tarPart,
  xz,
} from "../../support/tar_builder.ts";
import { readTree, tempDir, writeTree } from "../../support/temp_dir.ts";

const onWindows = Deno.build.os === "windows";

type Tree = Readonly<Record<string, string>>;
/** What the archive is, its bytes or members, what comes of it, and its suffix if not `.tar`. */
type Case = readonly [
  title: string,
  archive: Uint8Array | readonly TarPart[],
  verdict: RegExp | Tree,
  suffix?: string,
];

const file = (name: string, content = ""): TarPart => ({ name, content });
const link = (name: string, target: string): TarPart => ({ name, type: "2", target });
const hard = (name: string, target: string): TarPart => ({ name, type: "1", target });
const dir = (name: string): TarPart => ({ name, type: "5" });

const ESCAPES: readonly Case[] = [
  ["an absolute name", [file("/tmp/evil")], /absolute/],
  ["two slashes at the start", [file("//evil")], /absolute/],
  ["an absolute name by ustar's prefix", [{ name: "evil", prefix: "/tmp" }], /absolute/],
  ["a name that leads up", [file("../evil")], /contains '\.\.'/],
  ["a name that leads up in the middle", [file("a/../../evil")], /contains '\.\.'/],
  ["a name that leads up and stays inside", [file("a/../b")], /contains '\.\.'/],
  ["a name that is up", [dir("..")], /contains '\.\.'/],
  [
    "a name that leads up, by a pax header",
    [pax({ path: "../evil" }), file("good")],
    /contains '\.\.'/,
  ],
  [
    "a name that leads up, by GNU's long name",
    [gnuLong("L", "../evil"), file("good")],
    /contains '\.\.'/,
  ],
  ["a drive letter", [file("C:\\evil")], /Windows/],
  ["a drive letter with a slash", [file("c:/evil")], /Windows/],
  ["a network path of Windows", [file("\\\\server\\share")], /Windows/],
  ["a NUL in a name", [pax({ path: "good\0/../../evil" }), file("x")], /NUL/],
  ["no name", [file("")], /no name/],
  ["a name of a million parts", [pax({ path: "a/".repeat(500_000) }), file("x")], /longer than/],
  ["a name of 300 parts", [pax({ path: "a/".repeat(300) }), file("x")], /more than 256 parts/],
  ["a part of 256 bytes", [pax({ path: `a/${"n".repeat(256)}` }), file("x")], /longer than 255/],
  ["a link of 4,000 bytes", [pax({ linkpath: "a/".repeat(2000) }), link("l", "x")], /longer than/],
  [
    "our own journal",
    [file(".run-outputs-fetch/staging/journal.json")],
    /reserved for working files/,
  ],
  ["our own directory", [dir("a/.sub.run-outputs-fetch")], /reserved for working files/],
  [
    "our own directory, another case",
    [dir(".SUB.Run-Outputs-Fetch")],
    /reserved for working files/,
  ],
  ["a download's journal", [file("a/b.tar.xz.part.journal")], /reserved for working files/],
  ["a link as our own", [link(".sub.run-outputs-fetch", "d")], /reserved for working files/],
  ["a hard link as our own", [file("f"), hard(".run-outputs-tmp-1", "f")], /reserved for working/],
  [
    "a link to our own",
    [link("l", "a/../.out.run-outputs-fetch/staging")],
    /reserved for working files/,
  ],
  ["more directories than members may be", [
    ...Array.from({ length: 8 }, (_, i) => pax({ path: `${`${i}/`.repeat(200)}f` })).flatMap(
      (part) => [part, file("x")],
    ),
  ], /more than 1000 members/],
  ["the target itself as a file", [file("./")], {}],
  ["the target itself as a link", [link(".", "x")], /target directory itself/],
  ["an absolute link", [link("l", "/etc/passwd")], /absolute/],
  ["a link that leads up", [link("l", "../outside")], /points outside/],
  ["a link that leads up from below", [link("a/b/l", "../../../outside")], /points outside/],
  [
    "a link that leads up by a pax header",
    [pax({ linkpath: "../../x" }), link("l", "x")],
    /points outside/,
  ],
  ["a link to a drive", [link("l", "C:\\")], /Windows/],
  ["a link to nothing", [link("l", "")], /target is empty/],
  ["a file through a link that leads out", [link("l", ".."), file("l/evil")], /points outside/],
  ["a file through two links", [
    link("a", "b"),
    link("b", "../outside"),
    file("a/evil"),
  ], /points outside/],
  ["a link through a link to here", [link("d", "."), link("l", "d/../outside")], /points outside/],
  ["the same, the other way round", [link("l", "d/../outside"), link("d", ".")], /points outside/],
  ["links that lead out only together", [
    dir("a"),
    link("a/up", "../b"),
    link("l", "a/up/../../outside"),
  ], /points outside/],
  ["a deep link moved up by another one", [
    dir("a/b/c"),
    link("x", "a/b/c"),
    link("x/l", "../../../../outside"),
  ], /points outside/],
  ["a link below a link that is replaced later", [
    dir("deep/er"),
    link("p", "deep/er"),
    link("l", "p/../../outside"),
    link("p", "deep"),
  ], /points outside/],
  ["a file through links in circles", [link("a", "b"), link("b", "a"), file("a/x")], /circular/],
  ["a hard link that leads up", [hard("h", "../outside/kept")], /contains '\.\.'/],
  ["a hard link to an absolute name", [hard("h", "/etc/passwd")], /absolute/],
  ["a hard link to what does not come", [hard("h", "nothing")], /is not an earlier member/],
  ["a hard link to what comes later", [hard("h", "f"), file("f")], /is not an earlier member/],
  ["a hard link to a directory", [dir("d"), hard("h", "d")], /is not a file/],
  ["a hard link below what is not there", [hard("h", "d/f")], /no earlier member/],
  ["a hard link to a link that leads out", [link("l", "../x"), hard("h", "l")], /points outside/],
  ["a hard link to a link, where its text leads out", [
    dir("d"),
    link("d/l", "../f"),
    hard("h", "d/l"),
  ], /points outside/],
  ["a hard link to itself", [file("f", "f"), hard("f", "f")], { f: "f" }],
  ["a file in place of a directory", [file("d/f"), file("d")], /a directory already exists/],
  ["a link in place of a directory", [file("d/f"), link("d", "..")], /a directory already exists/],
  [
    "a link in place of a directory, inside",
    [file("d/f"), link("d", "e")],
    /a directory already exists/,
  ],
  ["a directory in place of a file", [file("f"), dir("f")], /exists where a directory is needed/],
  ["a file below a file", [file("f"), file("f/g")], /exists where a directory is needed/],
  [
    "a directory in place of a link to a file",
    [file("f"), link("l", "f"), dir("l")],
    /a link already exists/,
  ],
  [
    "a file below a link to a file",
    [file("f"), link("l", "f"), file("l/g")],
    /exists where a directory/,
  ],
  ["a device", [{ name: "null", type: "3" }], /character device/],
  ["a named pipe", [{ name: "pipe", type: "6" }], /named pipe/],
  ["a sparse file that fills the disk", [
    pax({ "GNU.sparse.size": "9007199254740991", "GNU.sparse.map": "0,1" }),
    file("s", "x"),
  ], /bytes \(--max-unpacked-size\)/],
  ["a sparse file in place of a link", [
    file("f", "1"),
    link("l", "f"),
    pax({ "GNU.sparse.name": "../l", "GNU.sparse.size": "3", "GNU.sparse.map": "2,1" }),
    file("l", "x"),
  ], /contains '\.\.'/],
];

const KEPT: readonly Case[] = [
  ["the same file twice: the last one counts", [file("f", "1"), file("f", "2")], { f: "2" }],
  ["a file that replaces one with two names: the other one stays", [
    file("f", "1"),
    hard("g", "f"),
    file("f", "2"),
  ], { f: "2", g: "1" }],
  ["a file that replaces a link: it is not followed", [
    file("f", "1"),
    link("l", "f"),
    file("l", "2"),
  ], { f: "1", l: "2" }],
  ["a link that replaces a file", [file("l", "1"), link("l", "f")], { l: "-> f" }],
  ["sparse files: holes are zeros, at the end too", [
    pax({ "GNU.sparse.name": "s", "GNU.sparse.size": "4", "GNU.sparse.map": "1,1,3,0" }),
    file("GNUSparseFile.0/s", "x"),
    pax({ "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "3" }),
    file("t", "1\n2\n1\n".padEnd(512, "\0") + "y"),
    pax({ "GNU.sparse.name": "h", "GNU.sparse.size": "2", "GNU.sparse.map": "2,0" }),
    file("h"),
  ], { h: "\0\0", s: "\0x\0\0", t: "\0\0y" }],
  ["odd names", [file("a\nb", "1"), file(" ", "2"), file("-rf", "3"), file("a\\b", "4")], {
    " ": "2",
    "-rf": "3",
    "a\nb": "1",
    "a\\b": "4",
  }],
  ["dots and doubled slashes", [file("./a/.//b", "1"), dir("./"), file("...", "2")], {
    "...": "2",
    "a/b": "1",
  }],
];

const good = tar(file("f", "content"), file("g", "more"));
const goodTree: Tree = { f: "content", g: "more" };
const goodXz = await xz(good);
const goodZst = await compress(good, "a.tar.zst");
const goodGz = await compress(good, "a.tar.gz");
const half = (bytes: Uint8Array) => bytes.subarray(0, bytes.length >> 1);
const flip = (bytes: Uint8Array, at: number) => {
  const copy = new Uint8Array(bytes);
  copy[at < 0 ? copy.length + at : at] ^= 0x20;
  return copy;
};
const skippable = new Uint8Array([0x50, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);

/** An .xz file whose block asks for a dictionary of 4 GiB. */
function hugeDictionary(): Uint8Array {
  const bytes = goodXz.slice();
  const size = (bytes[12] + 1) * 4;
  assert.deepEqual([bytes[14], bytes[15]], [0x21, 1], "LZMA2 with one byte of properties");
  bytes[16] = 40;
  const sum = zlib.crc32(bytes.subarray(12, 12 + size - 4));
  new DataView(bytes.buffer).setUint32(12 + size - 4, sum, true);
  return bytes;
}

const BROKEN: readonly Case[] = [
  ["nothing", new Uint8Array(0), /end marker/],
  ["nothing, as xz", new Uint8Array(0), /truncated/, ".tar.xz"],
  ["nothing, as zstd", new Uint8Array(0), /end marker/, ".tar.zst"],
  ["nothing, as gzip", new Uint8Array(0), /end marker|incomplete/, ".tar.gz"],
  ["noise", noise(5000), /checksum|no number|UTF-8|format/],
  ["an HTML page", new TextEncoder().encode("<html>".repeat(200)), /checksum|no number|format/],
  ["zstd named xz", goodZst, /not an xz/, ".tar.xz"],
  ["xz named zstd", goodXz, /not a zstd/, ".tar.zst"],
  ["tar named gzip", good, /gzip/, ".tar.gz"],
  ["no end marker", good.subarray(0, -1024), /end marker/],
  ["half an end marker", good.subarray(0, -512), /end marker/],
  ["no end marker, whole xz", await xz(good.subarray(0, -1024)), /end marker/, ".tar.xz"],
  [
    "no end marker, whole zstd",
    await compress(half(good), ".zst"),
    /middle|end marker/,
    ".tar.zst",
  ],
  ["cut in a header", good.subarray(0, 1100), /middle of a header/],
  ["cut in a content", good.subarray(0, 515), /middle of this member/],
  ["a second archive behind it", concat([good, good]), /data (?:follows|after the end)/],
  ["a flipped bit in a header", flip(good, 3), /checksum/],
  ["zeros behind it", concat([good, new Uint8Array(10240)]), goodTree],
  ["xz: cut in the middle", half(goodXz), /truncated/, ".tar.xz"],
  ["xz: cut in the footer", goodXz.subarray(0, -2), /truncated/, ".tar.xz"],
  ["xz: a flipped bit in the data", flip(goodXz, 60), /corrupt/, ".tar.xz"],
  ["xz: a flipped bit in the check", flip(goodXz, -36), /corrupt/, ".tar.xz"],
  [
    "xz: garbage behind it",
    concat([goodXz, noise(64)]),
    /data (?:follows|after the end)/,
    ".tar.xz",
  ],
  ["xz: one zero behind it", concat([goodXz, new Uint8Array(1)]), /corrupt|truncated/, ".tar.xz"],
  ["xz: padding by the rules", concat([goodXz, new Uint8Array(8)]), goodTree, ".tar.xz"],
  [
    "xz: two streams",
    concat([await xz(good.subarray(0, 700)), await xz(good.subarray(700))]),
    goodTree,
    ".tar.xz",
  ],
  ["xz: two archives", concat([goodXz, goodXz]), /data after the end/, ".tar.xz"],
  ["xz: a dictionary of 4 GiB", hugeDictionary(), /memory/, ".tar.xz"],
  [
    "xz: 80 MB of zeros",
    await xz(tar(file("z"), { name: "f", content: new Uint8Array(80e6) })),
    /500 times/,
    ".tar.xz",
  ],
  ["zstd: cut in the middle", half(goodZst), /truncated/, ".tar.zst"],
  ["zstd: cut in the checksum", goodZst.subarray(0, -2), /truncated/, ".tar.zst"],
  ["zstd: a flipped bit in the data", flip(goodZst, 30), /zstd/, ".tar.zst"],
  ["zstd: a flipped bit in the checksum", flip(goodZst, -1), /zstd data is corrupt/, ".tar.zst"],
  [
    "zstd: garbage behind it",
    concat([goodZst, noise(64)]),
    /data (?:follows|after the end)/,
    ".tar.zst",
  ],
  [
    "zstd: a zero behind it",
    concat([goodZst, new Uint8Array(1)]),
    /data (?:follows|after the end)/,
    ".tar.zst",
  ],
  [
    "zstd: two frames",
    concat([
      await compress(good.subarray(0, 700), ".zst"),
      await compress(good.subarray(700), ".zst"),
    ]),
    goodTree,
    ".tar.zst",
  ],
  ["zstd: two archives", concat([goodZst, goodZst]), /data after the end/, ".tar.zst"],
  ["zstd: frames to be skipped", concat([skippable, goodZst, skippable]), goodTree, ".tar.zst"],
  [
    "zstd: a cut frame to be skipped",
    concat([goodZst, skippable.subarray(0, 9)]),
    /truncated/,
    ".tar.zst",
  ],
  [
    "zstd: 80 MB of zeros",
    await compress(tar({ name: "f", content: new Uint8Array(80e6) }), ".zst"),
    /500 times/,
    ".tar.zst",
  ],
  ["gzip: cut in the middle", half(goodGz), /gzip/, ".tar.gz"],
  ["gzip: cut in the trailer", goodGz.subarray(0, -3), /gzip/, ".tar.gz"],
  ["gzip: a flipped bit in the checksum", flip(goodGz, -6), /gzip/, ".tar.gz"],
  ["gzip: garbage behind it", concat([goodGz, noise(64)]), /gzip/, ".tar.gz"],
  [
    "gzip: two members",
    concat([
      await compress(good.subarray(0, 700), ".gz"),
      await compress(good.subarray(700), ".gz"),
    ]),
    goodTree,
    ".tgz",
  ],
  [
    "gzip: 80 MB of zeros",
    await compress(tar({ name: "f", content: new Uint8Array(80e6) }), ".gz"),
    /500 times/,
    ".tar.gz",
  ],
  [
    "a file that tells exabytes",
    [{ name: "f", size: "77777777777\0" }],
    /100000000 bytes/,
  ],
  ["a pax header that tells gigabytes", [{ name: "p", type: "x", size: "10000000000\0" }], /bytes/],
  [
    "11 members where 10 are allowed",
    Array.from({ length: 11 }, (_, i) => file(`f${i}`)),
    /10 members/,
  ],
  [
    "more bytes than are allowed",
    tar({ name: "f", content: new Uint8Array(100_000_001) }),
    /100000000 bytes/,
  ],
];

const list = (...lines: string[]) => file("artifact_manifest.txt", lines.join("\n"));
const FLATTENED: readonly Case[] = [
  ["no manifest", [file("a/f")], /first member must be/],
  ["nothing at all", [], /no artifact_manifest/],
  ["the manifest in second place", [file("a/f"), list("a")], /first member must be/],
  ["a directory as manifest", [dir("artifact_manifest.txt")], /first member must be/],
  ["a link as manifest", [link("artifact_manifest.txt", "a")], /first member must be/],
  ["a manifest that leads up", [list("../a"), file("a/f")], /contains '\.\.'/],
  ["a manifest with an absolute path", [list("/a"), file("a/f")], /absolute/],
  ["a manifest that lists everything", [list("."), file("a/f")], /whole directory/],
  ["a manifest that is not UTF-8", [{
    name: "artifact_manifest.txt",
    content: new Uint8Array([0xff]),
  }], /UTF-8/],
  ["a manifest of 2 MB", [file("artifact_manifest.txt", "a\n".repeat(1e6))], /too many for a list/],
  ["a member that is not listed", [list("a"), file("b/f")], /under no path/],
  ["a member beside a listed path", [list("a/b"), file("a/f")], /under no path/],
  [
    "a member whose name only begins like a listed path",
    [list("a"), file("ab/f")],
    /under no path/,
  ],
  ["a listed path that is a file", [list("a"), file("a")], /under no path/],
  ["a hard link to what is not listed", [list("a"), hard("a/h", "b/f")], /under no path/],
  [
    "a link that stays inside only before",
    [list("a/b"), link("a/b/l", "../../c")],
    /points outside/,
  ],
  ["an absolute name", [list("a"), file("/a/f")], /absolute/],
  ["a manifest with Windows' line ends", [
    file("artifact_manifest.txt", "a\r\n\r\nb\r\n"),
    file("b/f", "f"),
  ], { f: "f" }],
];

const limits = { maxMembers: 10, maxBytes: 100_000_000, ratioFrom: 64 * 1024 ** 2 };
const GROUPS: readonly (readonly [string, readonly Case[], Partial<UnpackOptions>])[] = [
  ["escapes", ESCAPES, { limits: { maxMembers: 1000 } }],
  ["oddities", KEPT, {}],
  ["broken bytes", BROKEN, { limits }],
  ["manifests", FLATTENED, { mode: "flatten" }],
  ["manifests, unflattened", FLATTENED.slice(0, 13), { mode: "bootstrap" }],
];

for (const [group, cases, options] of GROUPS) {
  Deno.test({
    name: `Unpacker: hostile archives: ${group}`,
    ignore: onWindows,
    fn: async (t) => {
      await using temp = await tempDir();
      const around = { "outside/kept": "kept", "evil": "not", "w/out/kept": "kept" };
      await writeTree(temp.path, around);
      await Deno.mkdir(join(temp.path, "archives"));
      const place = {
        outputDir: join(temp.path, "w/out"),
        stagingDir: join(temp.path, "w/staging"),
      };
      const out = join(temp.path, "w/out");
      const flat = options.mode === undefined ? "case/" : "";
      {
        await using unpacker = await Unpacker.open({
          mode: "extract",
          workers: 1,
          ...place,
          ...options,
        });
        for (const [title, archive, verdict, suffix = ".tar"] of cases) {
          await t.step({
            name: title,
            fn: async () => {
              const name = `case${suffix}`;
              const path = join(temp.path, name);
              await Deno.writeFile(path, archive instanceof Uint8Array ? archive : tar(...archive));
              if (verdict instanceof RegExp) {
                await rejectsWith(unpacker.add({ path, name }), "integrity", `'${name}'`);
                await assert.rejects(unpacker.add({ path, name }), { message: verdict });
              } else await unpacker.add({ path, name });
              // What was refused leaves nothing to commit.
              await unpacker.commit();
              await Deno.remove(path);
              const found = await readTree(out);
              delete found.kept;
              const expected = verdict instanceof RegExp ? {} : verdict;
              assert.deepEqual(
                found,
                Object.fromEntries(
                  Object.entries(expected).map(([name, content]) => [flat + name, content]),
                ),
              );
              for (const { name } of Deno.readDirSync(out)) {
                if (name !== "kept") await Deno.remove(join(out, name), { recursive: true });
              }
              const now = Object.entries(await readTree(temp.path))
                .filter(([path]) => !path.startsWith("w/staging"));
              assert.deepEqual(Object.fromEntries(now), around, "nothing around has changed");
            },
            // The cases share a worker; the test as a whole leaves none.
            sanitizeOps: false,
            sanitizeResources: false,
          });
        }
      }
      assert.deepEqual(await readTree(temp.path), around, "nothing is left");
    },
  });
}

Deno.test("hostile archives: every case occurs once", () => {
  const titles = GROUPS.flatMap(([group, cases]) => cases.map(([title]) => `${group}: ${title}`));
  assert(new Set(titles).size > 130, `${titles.length}`);
});

Deno.test("hostile archives: an archive truncated at any block is rejected", async () => {
  await using temp = await tempDir();
  const bytes = concat([tarPart(list("a")), tarPart(file("a/f", "f")), END]);
  const path = join(temp.path, "a.tar");
  await using unpacker = await Unpacker.open({
    mode: "flatten",
    outputDir: join(temp.path, "out"),
    stagingDir: join(temp.path, "staging"),
    workers: 1,
  });
  for (let length = 0; length < bytes.length; length += 512) {
    await Deno.writeFile(path, bytes.subarray(0, length));
    await rejectsWith(unpacker.add({ path, name: "a.tar" }), "integrity", "'a.tar'");
  }
});
