/**
 * Unpacks mutated archives for some time, and holds the unpacker to this:
 *
 * 1. It ends: an archive is unpacked, or refused with a reason, within ten seconds. Nothing else is
 *    thrown, and no worker dies.
 * 2. Nothing outside of the target changes, no link in the target leads out of it, and no file has
 *    more than the nine permission bits.
 * 3. What is refused leaves the target as it was.
 * 4. Nothing that is unpacked has a name of our own working files.
 * 5. What is changed behind a check is not accepted silently: if the compressed bytes (which have
 *    a CRC64, XXH64 or CRC32 over the content) were mutated and the archive is accepted, it gives
 *    exactly the original's tree. Uncompressed bytes have no such check. tar itself guards only its
 *    headers, by a sum, so there only 1 to 4 hold: the checksum beside an archive is what finds it.
 *
 * Usage: deno task fuzz:archive [SECONDS] [SEED]
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { RunOutputsError } from "../../src/errors/error.ts";
import { isReservedName } from "../../src/layout/reserved_names.ts";
import { Unpacker, type UnpackMode } from "../../src/archive/unpack/unpack.ts";
import { concat, noise } from "../support/bytes.ts";
import { diskTree } from "../support/disk_tree.ts";
import { compress, gnuLong, pax, tar, type TarPart, xzBlocks } from "../support/tar_builder.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";

const [seconds = "60", given = String(Date.now() % 2 ** 31)] = Deno.args;
let state = Number(given) || 1;

/** A number below another one. */
function random(below: number): number {
  state ^= state << 13;
  state ^= state >>> 17;
  state ^= state << 5;
  return (state >>> 0) % below;
}
const pick = <T>(values: readonly T[]): T => values[random(values.length)];

const link = (name: string, target: string): TarPart => ({ name, type: "2", target });
const MEMBERS: readonly TarPart[] = [
  { name: "artifact_manifest.txt", content: "s\nt/u\n" },
  { name: "s/", type: "5", mode: 0o755 },
  { name: "s/lib/libx.so.1", content: noise(3000), mode: 0o755 },
  link("s/lib/libx.so", "libx.so.1"),
  link("s/lib64", "lib"),
  { name: "s/lib64/y", content: "through a link" },
  { name: "s/lib/same", type: "1", target: "s/lib/libx.so.1" },
  pax({ path: `s/${"long/".repeat(40)}name`, mtime: "1600000000.5" }),
  { name: "cut", content: "long name" },
  gnuLong("L", `t/u/${"x".repeat(150)}`),
  { name: "cut", magic: "gnu", content: "GNU" },
  link("t/u/up", "down/../z"),
  { name: "t/u/z", content: noise(700), mode: 0o644 },
  pax({ "GNU.sparse.name": "s/holes", "GNU.sparse.size": "9000", "GNU.sparse.map": "512,700" }),
  { name: "s/GNUSparseFile.0/holes", content: noise(700) },
  pax({
    "GNU.sparse.major": "1",
    "GNU.sparse.minor": "0",
    "GNU.sparse.name": "s/parts",
    "GNU.sparse.realsize": "5000",
  }),
  { name: "cut", content: "2\n10\n3\n4000\n4\n".padEnd(512, "\0") + "onetwos" },
  {
    name: "t/u/old",
    type: "S",
    magic: "gnu",
    content: "part",
    raw: { 386: "00000001000\0" + "00000000004\0", 483: "00000002000\0" },
  },
];
const SPECIAL: readonly (string | Uint8Array)[] = [
  ...[
    "../",
    "/",
    "..",
    "\0",
    "/etc/",
    "C:\\",
    "s/lib",
    "ustar",
    "7777777",
    "5",
    "2",
    "1",
    "x",
    "L",
    "S",
    "GNU.sparse.map=0,1,",
    ".run-outputs-fetch/staging/journal.json",
    ".out.run-outputs-fetch",
    ".run-outputs-tmp-1",
    "a/".repeat(300),
  ],
  new Uint8Array([0x80, 0xff, 0xff]),
  new Uint8Array(512),
  new Uint8Array([0xff]),
];

/** Changes some bytes, in one to four places. */
function mutate(bytes: Uint8Array): Uint8Array {
  let out = new Uint8Array(bytes);
  for (let times = 1 + random(4); times > 0 && out.length > 0; times--) {
    const at = random(out.length);
    const length = 1 + random(pick([4, 64, 600]));
    switch (random(8)) {
      case 0:
      case 1:
        out[at] ^= 1 << random(8);
        break;
      case 2:
        out[at] = random(256);
        break;
      case 3:
        out = out.slice(0, at);
        break;
      case 4:
        out = concat([out.subarray(0, at), out.subarray(at + length)]);
        break;
      case 5:
        out = concat([
          out.subarray(0, at),
          out.subarray(random(out.length)).subarray(0, length),
          out.subarray(at),
        ]);
        break;
      case 6:
        out = concat([out.subarray(0, at), noise(length, state), out.subarray(at)]);
        break;
      default: {
        const special = pick(SPECIAL);
        out.set(
          (typeof special === "string" ? new TextEncoder().encode(special) : special).subarray(
            0,
            out.length - at,
          ),
          at,
        );
      }
    }
  }
  return out;
}

/** Gives headers right checksums again, so that what is behind them is reached. */
function repair(bytes: Uint8Array): Uint8Array {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (String.fromCharCode(...block.subarray(257, 262)) !== "ustar") continue;
    block.fill(0x20, 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.set(new TextEncoder().encode(`${sum.toString(8).padStart(6, "0")}\0 `), 148);
  }
  return bytes;
}

/** All links below a directory lead to places below it. */
function checkInside(root: string, tree: Awaited<ReturnType<typeof diskTree>>): void {
  for (const [path, { kind, mode, text }] of Object.entries(tree)) {
    assert((mode ?? 0) <= 0o777 || kind === "symlink", `${path} has the mode ${mode?.toString(8)}`);
    if (kind !== "symlink") continue;
    assert(!text!.startsWith("/"), `${path} -> ${text}`);
    const real = (() => {
      try {
        return Deno.realPathSync(join(root, path));
      } catch {
        return root; // It leads to nothing, or in circles.
      }
    })();
    assert(real === root || real.startsWith(`${root}/`), `${path} -> ${text} is ${real}`);
  }
}

const plain = tar(...MEMBERS);
const ORIGINALS: Readonly<Record<string, Uint8Array>> = {
  "a.tar": plain,
  "a.tar.xz": await compress(plain, ".xz"),
  "a.tar.zst": await compress(plain, ".zst"),
  "a.tar.gz": await compress(plain, ".gz"),
  "b.tar.xz": await xzBlocks(
    Array.from(
      { length: 6 },
      (_, i) => plain.subarray(i * 2048, i === 5 ? undefined : (i + 1) * 2048),
    ),
  ),
};

await using temp = await tempDir();
const root = await Deno.realPath(temp.path);
await writeTree(root, { "outside/kept": "kept", "w/out/kept": "kept" });
const outside = JSON.stringify(await diskTree(join(root, "outside")));
const out = join(root, "w/out");
/** Why the last archive was refused. */
let refusal = "";
const counts = { refused: 0, same: 0, other: 0 };

function open(mode: UnpackMode): Promise<Unpacker> {
  return Unpacker.open({ mode, outputDir: out, stagingDir: join(root, "w/staging"), workers: 2 });
}

/** Unpacks one archive; gives its tree, or `undefined` if it is refused. */
async function unpack(
  unpacker: Unpacker,
  name: string,
  bytes: Uint8Array,
): Promise<string | undefined> {
  const path = join(root, name);
  await Deno.writeFile(path, bytes);
  const work = (async () => {
    try {
      await unpacker.add({ path, name });
      await unpacker.commit();
      return true;
    } catch (error) {
      assert(error instanceof RunOutputsError, String(error));
      assert.equal(error.code, "integrity", error.message);
      refusal = error.message;
      return false;
    }
  })();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it did not end within ten seconds")), 10_000);
  });
  const accepted = await Promise.race([work, late]).finally(() => clearTimeout(timer));
  const { kept, ...tree } = await diskTree(out);
  assert(kept !== undefined);
  if (!accepted) assert.deepEqual(tree, {}, "a refused archive leaves nothing");
  checkInside(out, tree);
  const planted = Object.keys(tree).find((path) => path.split("/").some(isReservedName));
  assert.equal(planted, undefined, "a name of our own");
  assert.equal(JSON.stringify(await diskTree(join(root, "outside"))), outside);
  assert.deepEqual([...Deno.readDirSync(join(root, "w"))].map(({ name }) => name).sort(), [
    "out",
    "staging",
  ]);
  for (const entry of Deno.readDirSync(out)) {
    if (entry.name !== "kept") await Deno.remove(join(out, entry.name), { recursive: true });
  }
  return accepted ? JSON.stringify(tree) : undefined;
}

const end = performance.now() + Number(seconds) * 1000;
let rounds = 0;
for (const mode of ["extract", "flatten"] as const) {
  const until = mode === "extract" ? performance.now() + Number(seconds) * 500 : end;
  await using unpacker = await open(mode);
  const expected = new Map<string, string>();
  for (const [name, bytes] of Object.entries(ORIGINALS)) {
    const tree = await unpack(unpacker, name, bytes);
    assert(tree !== undefined, `${name} is refused before it is mutated: ${refusal}`);
    expected.set(name, tree);
  }
  for (; performance.now() < until; rounds++) {
    const before = state;
    const name = pick(Object.keys(ORIGINALS));
    const format = name.slice(name.indexOf("."));
    const behindCheck = format !== ".tar" && random(2) === 0;
    const bytes = behindCheck
      ? mutate(ORIGINALS[name])
      : await compress(random(3) === 0 ? mutate(plain) : repair(mutate(plain)), format);
    try {
      const tree = await unpack(unpacker, name, bytes);
      if (tree === undefined) counts.refused++;
      else if (tree === expected.get(name)) counts.same++;
      else {
        assert(!behindCheck, "other content was accepted although its check can't be right");
        counts.other++;
      }
    } catch (error) {
      const kept = await Deno.makeTempFile({ prefix: "run-outputs-fuzz-", suffix: `-${name}` });
      await Deno.writeFile(kept, bytes);
      console.error(`seed ${given}, round ${rounds}, state ${before}, mode ${mode}: see ${kept}`);
      throw error;
    }
  }
}
console.log(
  `${rounds} mutated archives in ${seconds} s, seed ${given}: ${counts.refused} refused, ` +
    `${counts.same} the same as before, ${counts.other} with what no check covers`,
);
