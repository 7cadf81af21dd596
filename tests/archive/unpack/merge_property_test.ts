/** Several archives and a target with links in it: whatever they have, nothing gets out. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { Unpacker } from "../../../src/archive/unpack/unpack.ts";
import { cases } from "../../support/cases.ts";
import { type DiskEntry, diskTree } from "../../support/disk_tree.ts";
import { tar, type TarPart } from "../../support/tar_builder.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

interface Entry {
  readonly path: readonly string[];
  readonly kind: "file" | "directory" | "symlink" | "hardlink";
  readonly target: readonly string[];
}

const name = fc.constantFrom("a", "b", "c");
const entry: fc.Arbitrary<Entry> = fc.record({
  path: fc.array(name, { minLength: 1, maxLength: 3 }),
  kind: fc.constantFrom("file", "file", "directory", "symlink", "symlink", "hardlink"),
  target: fc.array(fc.oneof(name, name, name, fc.constant("..")), { minLength: 1, maxLength: 4 }),
});
const entries = fc.array(entry, { maxLength: 5 });

function member({ path, kind, target }: Entry): TarPart {
  const name = ["s", ...path].join("/");
  if (kind === "symlink") return { name, type: "2", target: target.join("/") };
  const inside = ["s", ...target.filter((part) => part !== "..")].join("/");
  if (kind === "hardlink") return { name, type: "1", target: inside };
  return kind === "directory" ? { name, type: "5" } : { name, content: name };
}

async function makeTarget(root: string, plan: readonly Entry[]): Promise<void> {
  await Deno.mkdir(root);
  // Links last, so that nothing is made through one.
  const links = plan.filter(({ kind }) => kind === "symlink");
  for (
    const { path, kind, target } of [...plan.filter((entry) => !links.includes(entry)), ...links]
  ) {
    const full = join(root, ...path);
    try {
      if (kind !== "symlink") {
        await Deno.mkdir(kind === "directory" ? full : dirname(full), { recursive: true });
      }
      if (kind === "symlink") await Deno.symlink(target.join("/"), full);
      else if (kind === "file") await Deno.writeTextFile(full, "was there");
    } catch {
      // Something else is there, or nothing that it could be in.
    }
  }
}

/** Goes a way below a root as a system does; `undefined` if it leaves the root. */
function walk(
  root: string,
  way: readonly string[],
  tree: Record<string, DiskEntry>,
  depth = 0,
): string[] | undefined {
  let here: string[] = [];
  for (const [i, part] of way.entries()) {
    if (part === "..") {
      if (here.length === 0) return undefined;
      here = here.slice(0, -1);
      continue;
    }
    here = [...here, part];
    const { text } = tree[here.join("/")] ?? {};
    if (text === undefined) continue;
    if (depth > 40) return here;
    return walk(
      root,
      [...here.slice(0, -1), ...text.split("/"), ...way.slice(i + 1)],
      tree,
      depth + 1,
    );
  }
  return here;
}

for (const mode of ["flatten", "bootstrap"] as const) {
  Deno.test({
    name: `Unpacker: ${mode}: several archives and links of the target: nothing gets out`,
    ignore: Deno.build.os === "windows",
    fn: async () => {
      await using dir = await tempDir();
      await writeTree(dir.path, { "outside/a/kept": "kept", "outside/b/c": "kept" });
      const outside = await diskTree(join(dir.path, "outside"));
      const [out, staging] = [join(dir.path, "w/out"), join(dir.path, "w/staging")];
      let committed = 0;
      const archives = fc.array(entries, { minLength: 1, maxLength: 3 });
      await fc.assert(
        fc.asyncProperty(archives, entries, async (archives, target) => {
          await Deno.remove(join(dir.path, "w"), { recursive: true }).catch(() => {});
          await Deno.mkdir(join(dir.path, "w"));
          await makeTarget(out, target);
          const before = await diskTree(out);
          const around = Array.from(Deno.readDirSync(join(dir.path, "w")), ({ name }) => name)
            .sort();
          {
            await using unpacker = await Unpacker.open({
              mode,
              outputDir: out,
              stagingDir: staging,
              workers: 1,
            });
            try {
              for (const [i, plan] of archives.entries()) {
                const path = join(dir.path, `${i}.tar`);
                const manifest = { name: "artifact_manifest.txt", content: "s\n" };
                await Deno.writeFile(path, tar(manifest, ...plan.map(member)));
                await unpacker.add({ path, name: `${i}.tar` });
              }
              await unpacker.commit();
              committed++;
            } catch (error) {
              assert(error instanceof RunOutputsError, String(error));
              assert(["integrity", "conflict"].includes(error.code), error.message);
              assert.deepEqual(await diskTree(out), before, "refused, the target is as before");
            }
          }
          assert.deepEqual(await diskTree(join(dir.path, "outside")), outside);
          const left = Array.from(Deno.readDirSync(join(dir.path, "w")), ({ name }) => name);
          assert.deepEqual(left.sort(), around);
          const tree = await diskTree(out);
          for (const [path, { text }] of Object.entries(tree)) {
            if (text === undefined || before[path]?.text === text) continue;
            assert(walk(out, path.split("/"), tree) !== undefined, `${path} -> ${text}`);
          }
        }),
        // About one of four is accepted; of fewer it could be none.
        { numRuns: cases(60, 20) },
      );
      assert(committed > 0, "all were refused, so nothing was shown");
    },
  });
}
