/** Generated trees: packed, unpacked, and compared with what they were. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { listMembers } from "../../src/archive/tar/list_members.ts";
import { pack } from "../../src/archive/pack/pack.ts";
import { Unpacker } from "../../src/archive/unpack/unpack.ts";
import { collect, noise } from "../support/bytes.ts";
import { cases } from "../support/cases.ts";
import { type DiskEntry, diskTree } from "../support/disk_tree.ts";
import { tempDir } from "../support/temp_dir.ts";

interface Planned {
  readonly path: string;
  readonly kind: "file" | "directory" | "symlink" | "hardlink";
  readonly size: number;
  readonly mode: number;
  readonly target: number;
}

const segment = fc.oneof(
  fc.constantFrom(
    "a",
    "b",
    "lib",
    "x.so",
    "ünï",
    "日本",
    "😀",
    "with space",
    "-dash",
    "gfx942:xnack+",
  ),
  // Two letters in front: one and a colon would be a drive of Windows, which is refused.
  fc.string({ minLength: 1, maxLength: 40 }).map((text) => `st${text.replace(/[/\0]/g, "_")}`),
  fc.integer({ min: 90, max: 200 }).map((length) => "n".repeat(length)),
);
const planned = fc.record({
  path: fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/")),
  kind: fc.constantFrom("file", "directory", "symlink", "hardlink"),
  size: fc.oneof(fc.nat(2000), fc.constantFrom(0, 511, 512, 513, 300_000)),
  mode: fc.constantFrom(0o644, 0o755, 0o600, 0o444, 0o711),
  target: fc.nat(20),
}) as fc.Arbitrary<Planned>;

/** Makes what can be made of a plan: where something is in the way, an entry is left out. */
async function makeTree(root: string, plan: readonly Planned[]): Promise<void> {
  await Deno.mkdir(root);
  const files: string[] = [];
  for (const { path, kind, size, mode, target } of plan) {
    const full = join(root, path);
    try {
      await Deno.mkdir(kind === "directory" ? full : dirname(full), { recursive: true });
      if (kind === "file") {
        await Deno.writeFile(full, noise(size, size + 1), { createNew: true });
        await Deno.chmod(full, mode);
        await Deno.utime(full, 1_500_000_000 + size, 1_500_000_000 + size);
        files.push(full);
      } else if (kind === "symlink") {
        const text = files.length === 0 ? "dangling" : path.split("/").slice(1).map(() => "..")
          .concat(files[target % files.length].slice(root.length + 1)).join("/");
        await Deno.symlink(text, full);
      } else if (kind === "hardlink" && files.length > 0) {
        await Deno.link(files[target % files.length], full);
      }
    } catch (error) {
      if (!(error instanceof Error) || !("code" in error)) throw error;
    }
  }
}

Deno.test({
  name: "pack() and Unpacker: some hundred trees come back as they were",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using dir = await tempDir();
    await using unpacker = await Unpacker.open({
      mode: "extract",
      outputDir: join(dir.path, "out"),
      stagingDir: join(dir.path, "staging"),
      workers: 1,
    });
    let round = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(planned, { maxLength: 12 }), async (plan) => {
        const [tree, name] = [join(dir.path, `tree${round}`), `t${round}.tar.zst`];
        round++;
        await makeTree(tree, plan);
        const path = join(dir.path, name);
        const members = await listMembers(tree);
        await Deno.writeFile(path, await collect(pack(members, { compression: "zst" })));
        const { directory } = await unpacker.add({ path, name });
        await unpacker.commit();
        assert.deepEqual(
          ownersModes(await diskTree(directory)),
          ownersModes(await diskTree(tree)),
        );
        for (const used of [tree, directory, path]) await Deno.remove(used, { recursive: true });
      }),
      { numRuns: cases(300) },
    );
  },
});

/** What others may is the umask's business. */
function ownersModes(tree: Record<string, DiskEntry>): Record<string, DiskEntry> {
  return Object.fromEntries(
    Object.entries(tree).map(([path, { mode, ...entry }]) => [
      path,
      { ...entry, mode: mode === undefined ? mode : mode & 0o700 },
    ]),
  );
}
