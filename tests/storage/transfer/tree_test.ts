/** The files of a tree on disk. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { TEMPORARY_PREFIX } from "../../../src/storage/local/atomic_file.ts";
import { pathFilter } from "../../../src/storage/transfer/path_filter.ts";
import { listTree } from "../../../src/storage/transfer/tree.ts";
import { rejectsWith } from "../../support/errors.ts";
import {
  makeLongNameOutsideUtf8,
  makeNamesOutsideUtf8,
  takesAnyName,
} from "../../support/odd_names.ts";
import { tempDir, writeTree } from "../../support/temp_dir.ts";

Deno.test("listTree(): all files with sizes, in the order of their paths' bytes", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, {
    "b.txt": "22",
    "a/z": "1",
    "a/b/c": "",
    "a.txt": "333",
    ".hidden/.x": "x",
    "ü": "u",
    "\u{1F600}": "smile",
    "\uFB01": "ligature",
  });
  await Deno.mkdir(join(temp.path, "empty"));
  const { files, skipped, unreadable } = await listTree(temp.path);
  assert.deepEqual(files.map(({ relativePath, size }) => [relativePath, size]), [
    [".hidden/.x", 1],
    ["a.txt", 3],
    ["a/b/c", 0],
    ["a/z", 1],
    ["b.txt", 2],
    ["ü", 1],
    ["\uFB01", 8],
    ["\u{1F600}", 5],
  ]);
  assert.equal(files[2].path, join(temp.path, "a", "b", "c"));
  assert.deepEqual([skipped, unreadable], [[], []]);
});

Deno.test("listTree(): a filter chooses by the relative path", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "a.log": "", "deep/b.log": "", "deep/c.txt": "", "cc/d.log": "" });
  const filter = pathFilter({ include: ["*.log"], exclude: ["cc/"] });
  const { files } = await listTree(temp.path, { filter });
  assert.deepEqual(files.map(({ relativePath }) => relativePath), ["a.log", "deep/b.log"]);
});

Deno.test({
  name: "listTree(): symbolic links are reported and not followed, the root may be one",
  ignore: Deno.build.os === "windows",
  fn: async () => {
    await using temp = await tempDir();
    const tree = join(temp.path, "tree");
    await writeTree(temp.path, { "tree/a": "a", "outside/secret": "s" });
    await Deno.symlink("../outside", join(tree, "dir-link"));
    await Deno.symlink("a", join(tree, "file-link"));
    await Deno.symlink("nowhere", join(tree, "dangling"));
    await Deno.symlink(".", join(tree, "loop"));
    await Deno.symlink("tree", join(temp.path, "root-link"));
    for (const root of [tree, join(temp.path, "root-link")]) {
      const { files, skipped } = await listTree(root);
      assert.deepEqual(files.map(({ relativePath }) => relativePath), ["a"]);
      assert.deepEqual(
        skipped.map(({ relativePath }) => relativePath),
        ["dangling", "dir-link", "file-link", "loop"],
      );
      for (const { reason } of skipped) assert.match(reason, /symbolic link/);
    }
    // What is left out anyway need not be told.
    const filter = pathFilter({ exclude: ["*link", "loop"] });
    const { skipped } = await listTree(tree, { filter });
    assert.deepEqual(skipped.map(({ relativePath }) => relativePath), ["dangling"]);
  },
});

Deno.test("listTree(): a missing root is not_found, a file in its place invalid", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "file": "" });
  await rejectsWith(listTree(join(temp.path, "nothing")), "not_found", "nothing");
  await rejectsWith(listTree(join(temp.path, "file")), "invalid", "file");
});

Deno.test({
  name: "listTree(): a directory without permission is reported, the rest is listed",
  // Nothing is forbidden to root, and Windows has no such bits.
  ignore: Deno.build.os === "windows" || Deno.uid() === 0,
  fn: async () => {
    await using temp = await tempDir();
    await writeTree(temp.path, { "a": "a", "locked/b": "b" });
    await Deno.chmod(join(temp.path, "locked"), 0);
    try {
      const { files, unreadable } = await listTree(temp.path);
      assert.deepEqual(files.map(({ relativePath }) => relativePath), ["a"]);
      assert.deepEqual(unreadable.map(({ relativePath }) => relativePath), ["locked"]);
    } finally {
      await Deno.chmod(join(temp.path, "locked"), 0o700);
    }
  },
});

Deno.test("listTree(): an abort rejects with its reason", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "a": "a" });
  await assert.rejects(listTree(temp.path, { signal: AbortSignal.abort() }), {
    name: "AbortError",
  });
});

Deno.test("listTree(): incomplete files of a killed program are reported and skipped", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "a": "a", [`deep/${TEMPORARY_PREFIX}x`]: "half" });
  const { files, skipped } = await listTree(temp.path);
  assert.deepEqual(files.map(({ relativePath }) => relativePath), ["a"]);
  assert.deepEqual(skipped.map(({ relativePath }) => relativePath), [`deep/${TEMPORARY_PREFIX}x`]);
});

Deno.test("listTree(): an unfinished download is reported and skipped, a file with such a name is not", async () => {
  await using temp = await tempDir();
  const journal = '{"schema":"run-outputs.download/1","source":"s3://b/k","etag":"e","size":1}\n';
  await writeTree(temp.path, {
    "a.part": "half",
    "a.part.journal": journal,
    "b.part": "whole",
    "c.part": "whole",
    "c.part.journal": "mine",
  });
  const { files, skipped } = await listTree(temp.path);
  assert.deepEqual(skipped.map(({ relativePath }) => relativePath), ["a.part", "a.part.journal"]);
  assert.deepEqual(
    files.map(({ relativePath }) => relativePath),
    ["b.part", "c.part", "c.part.journal"],
  );
});

Deno.test("listTree(): names that Windows needs encoded are those of keys again", async () => {
  await using temp = await tempDir();
  await writeTree(temp.path, { "a%3Ab%2F/gfx942%3Axnack+": "x", "100%": "y" });
  const paths = async (encodedNames: boolean) =>
    (await listTree(temp.path, { encodedNames })).files.map(({ relativePath }) => relativePath);
  // What the encoding never makes stands for itself.
  assert.deepEqual(await paths(true), ["100%", "a%3Ab%2F/gfx942:xnack+"]);
  assert.deepEqual(await paths(false), ["100%", "a%3Ab%2F/gfx942%3Axnack+"]);
});

Deno.test({
  name: "listTree(): a name that is not UTF-8 is reported as such",
  ignore: !takesAnyName,
  fn: async () => {
    await using temp = await tempDir();
    await writeTree(temp.path, { "b": "b", "z\ufffd": "z" });
    await makeNamesOutsideUtf8(temp.path);
    const { files, unreadable } = await listTree(temp.path);
    assert.deepEqual(files.map(({ relativePath }) => relativePath), ["b", "z\ufffd"]);
    assert.deepEqual(unreadable.map(({ relativePath }) => relativePath), [
      "a\ufffd.log",
      "d\ufffd",
    ]);
    for (const { error } of unreadable) assert.match(error.message, /its name is not UTF-8$/);
  },
});

Deno.test({
  name: "listTree(): a name that is not UTF-8 is never mistaken for the file with the listed name",
  ignore: !takesAnyName,
  fn: async () => {
    await using temp = await tempDir();
    await writeTree(temp.path, { "a\ufffd.log": "own", "d\ufffd": "a file" });
    await makeNamesOutsideUtf8(temp.path);
    const { files, unreadable } = await listTree(temp.path);
    assert.deepEqual(files.map(({ relativePath, size }) => [relativePath, size]), [
      ["a\ufffd.log", 3],
      ["d\ufffd", 6],
    ]);
    assert.deepEqual(unreadable.map(({ relativePath }) => relativePath), [
      "a\ufffd.log",
      "d\ufffd",
    ]);
    for (const { error } of unreadable) {
      assert.match(error.message, /the name of a file next to it is not UTF-8$/);
    }
  },
});

Deno.test({
  name: "listTree(): a name that is not UTF-8, listed as one too long for a disk, hides no others",
  ignore: !takesAnyName,
  fn: async () => {
    await using temp = await tempDir();
    await writeTree(temp.path, { "a": "a", "z": "z" });
    await makeLongNameOutsideUtf8(temp.path);
    const { files, unreadable } = await listTree(temp.path);
    assert.deepEqual(files.map(({ relativePath }) => relativePath), ["a", "z"]);
    assert.deepEqual(
      unreadable.map(({ relativePath }) => relativePath),
      ["\ufffd".repeat(100)],
    );
    assert.match(unreadable[0].error.message, /its name is not UTF-8$/);
  },
});
