/** The files of a plan in little memory. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { compareKeys } from "../../../src/layout/compare_keys.ts";
import { RunOutputRoot } from "../../../src/layout/run_output_root.ts";
import { UploadPlanner } from "../../../src/operations/upload/plan.ts";
import { fileItem } from "../../../src/storage/transfer/upload.ts";
import { tempDir } from "../../support/temp_dir.ts";

const ROOT = RunOutputRoot.forLocal({ platform: "linux" });

async function tree(dir: string, paths: readonly string[]): Promise<string> {
  for (const path of paths) {
    await Deno.mkdir(join(dir, path, ".."), { recursive: true });
    await Deno.writeTextFile(join(dir, path), path);
  }
  return dir;
}

Deno.test("UploadPlanner: of trees and files with the same destination, the first one wins", async () => {
  await using temp = await tempDir();
  const first = await tree(join(temp.path, "first"), ["a", "d/b", "d-c", "ä/😀"]);
  const second = await tree(join(temp.path, "second"), ["b", "c", "e"]);
  const planner = new UploadPlanner();
  const single = join(second, "e");
  planner.add(fileItem(ROOT.file("logs/d/e"), single, { size: 1 }));
  await planner.addTree(first, ROOT.file("logs"));
  await planner.addTree(second, ROOT.file("logs/d"));
  planner.add(fileItem(ROOT.file("logs/a"), join(second, "c")));
  const { items } = planner.compactPlan();
  const planned = [...items].map(({ location, path, size }) => [
    location.relativeTo(ROOT.root()),
    path,
    size,
  ]);
  assert.deepEqual(planned, [
    ["logs/d/e", single, 1],
    ["logs/a", join(first, "a"), 1],
    ["logs/d-c", join(first, "d-c"), 3],
    ["logs/d/b", join(first, "d", "b"), 3],
    ["logs/ä/😀", join(first, "ä", "😀"), 7],
    ["logs/d/c", join(second, "c"), 1],
  ]);
  assert.equal(items.length, planned.length);
  const sorted = planned.map(([path]) => path as string).sort(compareKeys);
  assert.deepEqual(
    Array.from(items.inKeyOrder(), (index) => items.at(index).location.relativeTo(ROOT.root())),
    sorted,
  );
  for (const [index, { location, path, size }] of [...items].entries()) {
    assert.equal(items.indexOf(location), index);
    assert.equal(items.at(index).path, path);
    assert.equal(items.contentAt(index).size, size);
  }
  assert.equal(items.indexOf(ROOT.file("logs/d/f")), -1);
  assert.deepEqual(planner.plan().items.map(({ path }) => path), planned.map(([, path]) => path));
  assert.deepEqual(
    planner.clashes.map(([one, other]) => [one.path, other.path]),
    [
      [join(first, "d", "b"), join(second, "b")],
      [join(first, "a"), join(second, "c")],
    ],
  );
});
