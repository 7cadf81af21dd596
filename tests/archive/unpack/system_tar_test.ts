/** Archives, read back with the system's own programs, where it has them. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { ARTIFACT_MANIFEST, listMembers } from "../../../src/archive/tar/list_members.ts";
import { pack } from "../../../src/archive/pack/pack.ts";
import { writeFileAtomic } from "../../../src/storage/local/atomic_file.ts";
import { noise } from "../../support/bytes.ts";
import { snapshot } from "../../support/snapshot.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

function has(program: string): boolean {
  try {
    return new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}

for (const [compression, program] of [["zst", "zstd"], ["gz", "gzip"]] as const) {
  Deno.test({
    name: `pack(): the system's tar unpacks .tar.${compression} into the same tree`,
    ignore: Deno.build.os === "windows" || !has("tar") || !has(program),
    fn: async () => {
      await using temp = await tempDir();
      const tree = join(temp.path, "tree");
      const long = `${"d".repeat(120)}/${"e".repeat(120)}/${"f".repeat(120)}`;
      await writeTree(tree, {
        "artifact_manifest.txt": "stage\n",
        "stage/bin/tool": noise(300_000),
        [`stage/${long}`]: "deep",
        "stage/grün.txt": "ü",
      });
      await Deno.chmod(join(tree, "stage", "bin", "tool"), 0o755);
      await Deno.mkdir(join(tree, "stage", "nothing"));
      await Deno.symlink("bin/tool", join(tree, "stage", "link"));
      await Deno.link(join(tree, "stage", "grün.txt"), join(tree, "stage", "hard"));

      const archive = join(temp.path, `archive.tar.${compression}`);
      const members = await listMembers(tree, { first: ARTIFACT_MANIFEST });
      await writeFileAtomic(archive, pack(members, { compression }));
      const out = join(temp.path, "out");
      await Deno.mkdir(out);
      const unpacked = await new Deno.Command("tar", {
        args: [`--use-compress-program=${program}`, "-xpf", archive, "-C", out],
        env: { LC_ALL: "C.UTF-8" },
      }).output();
      assert(unpacked.success, new TextDecoder().decode(unpacked.stderr));

      // Times are kept to the second; numbers of files are their own.
      const comparable = async (dir: string) =>
        Object.entries(await snapshot(dir)).filter(([name]) => name !== ".").map(
          ([name, seen]) => {
            const [kind, size, mode, time] = seen.split(" ");
            return kind === "directory"
              ? [name, kind, mode]
              : kind === "file"
              ? [name, kind, size, mode, Math.floor(Number(time) / 1000)]
              : [name, kind];
          },
        );
      assert.deepEqual(await comparable(out), await comparable(tree));
      const linked = await Deno.stat(join(out, "stage", "hard"));
      assert.equal(linked.nlink, 2);
      assert.deepEqual(
        await Deno.readFile(join(out, "stage", "bin", "tool")),
        await Deno.readFile(join(tree, "stage", "bin", "tool")),
      );
    },
  });
}
