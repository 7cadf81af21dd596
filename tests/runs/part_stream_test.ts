/** Parts in pieces, and their merge: the same as read and merged at once. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { compareKeys } from "../../src/layout/compare_keys.ts";
import { formatPart, inOrder } from "../../src/runs/format_part.ts";
import { JsonMembers } from "../../src/runs/json_members.ts";
import type { OutputFile } from "../../src/runs/manifest.ts";
import { mergeParts, mergeSorted } from "../../src/runs/merge_parts.ts";
import { PartReader } from "../../src/runs/part_reader.ts";
import { manifestPart, outputFile } from "../support/manifest.ts";

Deno.test("JsonMembers: any object in any pieces is what JSON.parse reads", () => {
  const value = fc.jsonValue({ maxDepth: 3 });
  const object = fc.record({
    before: fc.dictionary(fc.string().filter((name) => name !== "files"), value, { maxKeys: 3 }),
    files: fc.array(value, { maxLength: 4 }),
    indent: fc.constantFrom(0, 2),
    cuts: fc.array(fc.nat(400), { maxLength: 12 }),
  });
  fc.assert(fc.property(object, ({ before, files, indent, cuts }) => {
    const text = JSON.stringify({ ...before, files }, null, indent);
    const reader = new JsonMembers("files");
    const found: Record<string, unknown> = Object.create(null);
    const elements: unknown[] = [];
    const ends = [...cuts.filter((cut) => cut < text.length), text.length].sort((a, b) => a - b);
    let start = 0;
    for (const end of ends) {
      for (const member of reader.push(text.slice(start, end))) {
        if ("index" in member) elements.push(member.element);
        else if ("value" in member) found[member.name] = member.value;
      }
      start = end;
    }
    reader.end();
    assert.deepEqual(elements, JSON.parse(JSON.stringify(files)));
    assert.equal(
      JSON.stringify(Object.entries(found)),
      JSON.stringify(Object.entries(JSON.parse(JSON.stringify(before)))),
    );
  }));
});

Deno.test("JsonMembers: what JSON.parse rejects is rejected", () => {
  const texts = [
    "",
    "{",
    "]",
    '{"a"}',
    '{"a":}',
    '{"a":1,}',
    "{,}",
    '{"a":1 "b":2}',
    '{"files":[1,]}',
    '{"files":[,1]}',
    '{"files":[1 2]}',
    '{"files":[1}',
    '{"files":[1]',
    '{"a":tru}',
    '{"a":1}}',
    '{"a":1}{}',
    "{a:1}",
    '{"a":[1}}',
    '{"a":"\n"}',
    '{"a":"\\',
  ];
  for (const text of texts) {
    assert.throws(() => JSON.parse(text), SyntaxError, text);
    assert.throws(
      () => {
        const reader = new JsonMembers("files");
        reader.push(text);
        reader.end();
      },
      SyntaxError,
      text,
    );
  }
});

Deno.test("JsonMembers: a value without an end is not collected for ever", () => {
  const reader = new JsonMembers("files");
  reader.push('{"files":["');
  const piece = "a".repeat(1024 * 1024);
  assert.throws(() => {
    for (let i = 0; i < 100; i++) reader.push(piece);
  }, /longer than/);
});

Deno.test("PartReader: bytes cut anywhere, also in a character", () => {
  const part = manifestPart("g", [outputFile("a/ü€😀.log"), outputFile("b")]);
  const bytes = new TextEncoder().encode(formatPart(part));
  for (const step of [1, 2, 3, 7, 1000]) {
    const reader = new PartReader("P");
    const files: OutputFile[] = [];
    for (let at = 0; at < bytes.length; at += step) {
      files.push(...reader.push(bytes.subarray(at, at + step)));
    }
    assert.deepEqual({ ...reader.end(), files }, part);
    assert.equal(reader.count, 2);
  }
});

Deno.test("PartReader: bytes that are not UTF-8 are rejected", () => {
  const reader = new PartReader("P");
  assert.throws(() => reader.push(new Uint8Array([0x7b, 0x22, 0xff])), /'P'.*not JSON/);
});

Deno.test("merge: both ways agree, on parts of any content", async () => {
  const file = fc.tuple(fc.constantFrom("a", "b", "c/d", "c/e", "\uffee", "😀"), fc.nat(2))
    .map(([path, content]) => outputFile(path, `${content}`));
  const files = fc.uniqueArray(file, { selector: ({ path }) => path, maxLength: 6 });
  const parts = fc.array(fc.tuple(files, fc.nat(3)), { maxLength: 5 }).map((all) =>
    all.map(([files, second], i) =>
      manifestPart(`p${i}`, inOrder(files), { created_at: `2026-11-20T12:00:0${second}Z` })
    )
  );
  await fc.assert(fc.asyncProperty(parts, async (parts) => {
    const merged = mergeParts(parts);
    assert.deepEqual(await Array.fromAsync(mergeSorted(parts)), merged);
    const paths = merged.map(({ file }) => file.path);
    const all = new Set(parts.flatMap(({ files }) => files.map(({ path }) => path)));
    assert.deepEqual(paths, [...all].sort(compareKeys));
    for (const { parts: agreeing, conflicts } of merged) {
      assert.equal(
        new Set([...agreeing, ...conflicts.map(({ part }) => part)]).size,
        agreeing.length + conflicts.length,
      );
    }
  }));
});

Deno.test("merge: the latest part takes precedence, the others are reported", () => {
  const at = (minute: number) => ({ created_at: `2026-11-20T12:0${minute}:00+00:00` });
  const [merged] = mergeParts([
    manifestPart("old", [outputFile("a", "1")], at(1)),
    manifestPart("new", [outputFile("a", "2")], at(3)),
    manifestPart("same", [outputFile("a", "2")], at(2)),
  ]);
  assert.deepEqual(merged.file, outputFile("a", "2"));
  assert.deepEqual(merged.parts, ["new", "same"]);
  assert.equal(merged.written, Date.UTC(2026, 10, 20, 12, 3));
  const written = Date.UTC(2026, 10, 20, 12, 1);
  assert.deepEqual(merged.conflicts, [{ part: "old", written, file: outputFile("a", "1") }]);
});
