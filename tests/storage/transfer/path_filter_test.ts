/** Globs: one meaning everywhere. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { pathFilter } from "../../../src/storage/transfer/path_filter.ts";
import { listTree } from "../../../src/storage/transfer/tree.ts";
import { cases } from "../../support/cases.ts";
import { throwsWith } from "../../support/errors.ts";
import { tempDir } from "../../support/temp_dir.ts";

/** A pattern, what it matches, and what it does not. */
const TABLE: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ["*", ["a", "a/b", ".a", "a/.b/c.d"], []],
  ["**", ["a", "a/b", ".a/b"], []],
  ["*.log", ["a.log", "deep/er/a.log", ".log"], ["a.log.gz", "a.logs", "log", "a.log/b"]],
  ["a.log", ["a.log", "x/a.log"], ["xa.log", "A.log", "a.LOG"]],
  ["logs/*.log", ["logs/a.log"], ["a.log", "x/logs/a.log", "logs/x/a.log"]],
  ["logs/**", ["logs/a", "logs/a/b", "logs/.a"], ["logsx/a", "x/logs/a"]],
  ["logs/**/*.log", ["logs/a.log", "logs/x/y/a.log"], ["logs/a.txt", "a.log"]],
  ["**/*.log", ["a.log", "x/a.log"], ["a.txt"]],
  ["ccache/", ["ccache/a", "ccache/x/y", "ccache/.a"], ["ccache", "x/ccache/a", "ccachex/a"]],
  ["**/ccache/", ["ccache/a", "x/ccache/a/b"], ["ccache", "x/ccache", "xccache/a"]],
  ["*/", ["a/b", "a/b/c", ".a/b"], ["a"]],
  ["?.txt", ["a.txt", "x/b.txt", "ü.txt"], ["ab.txt", ".txt"]],
  ["{a,b}_*.zst", ["a_x.zst", "b_.zst"], ["c_x.zst", "a.zst"]],
  ["[ab].txt", ["a.txt", "b.txt"], ["c.txt"]],
  ["[!a].txt", ["b.txt"], ["a.txt"]],
  ["*_gfx942:xnack+.tar.zst", ["rccl_test_gfx942:xnack+.tar.zst"], ["rccl_test_gfx942.tar.zst"]],
  ["!a", ["!a"], ["a", "b"]],
  ["#a", ["#a"], ["a"]],
  ["a b", ["a b", "x/a b"], ["a", "ab"]],
  ["blas_*", ["blas_lib_gfx942.tar.zst"], ["rocblas_lib_gfx942.tar.zst"]],
];

for (const [pattern, yes, no] of TABLE) {
  Deno.test(`pathFilter(): '${pattern}' matches what it says`, () => {
    for (const path of yes) {
      assert(pathFilter({ include: [pattern] }).matches(path), `${pattern} should match ${path}`);
      assert(!pathFilter({ exclude: [pattern] }).matches(path), `${pattern} excludes ${path}`);
    }
    for (const path of no) {
      assert(
        !pathFilter({ include: [pattern] }).matches(path),
        `${pattern} must not match ${path}`,
      );
      assert(pathFilter({ exclude: [pattern] }).matches(path), `${pattern} keeps ${path}`);
    }
  });
}

Deno.test("pathFilter(): without patterns everything matches", () => {
  assert(pathFilter({}).matches("any/thing"));
  assert(pathFilter({ include: [], exclude: [] }).matches(".any"));
});

Deno.test("pathFilter(): exclude wins over include", () => {
  const filter = pathFilter({ include: ["*.log"], exclude: ["secret*"] });
  assert(filter.matches("a.log"));
  assert(!filter.matches("secret.log"));
});

Deno.test("pathFilter(): include patterns that matched nothing are reported", () => {
  const filter = pathFilter({ include: ["*.log", "*.txt", "*.md"], exclude: ["*.md"] });
  assert.deepEqual(filter.unmatched(), ["*.log", "*.txt", "*.md"]);
  filter.matches("a.log");
  assert.deepEqual(filter.unmatched(), ["*.txt", "*.md"]);
  assert(!filter.matches("b.md"));
  assert.deepEqual(filter.unmatched(), ["*.txt"], "what exclude takes away was there");
});

Deno.test("pathFilter(): patterns that can't be relative paths are rejected with name and value", () => {
  for (const pattern of ["", "/a", "../a", "a/../b", "..", "a/.."]) {
    throwsWith(
      () => pathFilter({ include: [pattern] }),
      "invalid",
      "include pattern",
      JSON.stringify(pattern),
    );
    throwsWith(() => pathFilter({ exclude: [pattern] }), "invalid", "exclude pattern");
  }
});

Deno.test("pathFilter(): absurd patterns are rejected before they are compiled", () => {
  for (
    const pattern of ["a".repeat(70_000), "+(a".repeat(2000), "*a".repeat(30_000), "(".repeat(5000)]
  ) {
    throwsWith(
      () => pathFilter({ include: [pattern] }),
      "invalid",
      "include pattern",
      "at most 4096",
    );
  }
  for (const piece of ["+(a", "*a", "(", "[", "{", "!(", "\\"]) {
    const pattern = piece.repeat(Math.floor(4096 / piece.length));
    assert.equal(typeof pathFilter({ include: [pattern] }).matches("x"), "boolean", piece);
  }
});

Deno.test("pathFilter(): the same result for a tree, a listing of a disk and memory", async () => {
  await using temp = await tempDir();
  const local = new LocalBackend(temp.path);
  const memory = new MemoryBackend();
  const root = new OutputLocation("bucket", "1-linux");
  const names = ["a.log", ".log", "B.LOG", "x.txt", "+[1].zst", "ü.log", "a b.md"];
  const paths = names.flatMap((
    name,
  ) => [name, `logs/${name}`, `logs/ccache/${name}`, `.d/${name}`]);
  for (const path of paths) {
    for (const backend of [local, memory]) await backend.write(root.join(path), bytesSource(path));
  }
  const part = fc.constantFrom(
    "*",
    "**",
    "*.log",
    "logs",
    ".d",
    "?.txt",
    "{a,B}*",
    "[a-z]*",
    "ccache",
  );
  const pattern = fc.array(part, { minLength: 1, maxLength: 3 })
    .chain((parts) => fc.constantFrom(parts.join("/"), `${parts.join("/")}/`));
  const patterns = fc.array(pattern, { maxLength: 2 });
  await fc.assert(
    fc.asyncProperty(patterns, patterns, async (include, exclude) => {
      const chosen = async (backend: LocalBackend | MemoryBackend) => {
        const filter = pathFilter({ include, exclude });
        const found = await Array.fromAsync(backend.list(root));
        return found.map(({ location }) => location.relativeTo(root)!).filter(filter.matches);
      };
      const inMemory = await chosen(memory);
      assert.deepEqual(await chosen(local), inMemory);
      const filter = pathFilter({ include, exclude });
      const tree = await listTree(`${temp.path}/1-linux`, { filter });
      assert.deepEqual(tree.files.map(({ relativePath }) => relativePath), inMemory);
    }),
    { numRuns: cases(60) },
  );
});
