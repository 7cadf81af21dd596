/** Lines of logs: windows of a file are held against the file divided in memory. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { LineIndex, LineIndexes } from "../../../src/operations/logs/line_index.ts";
import { compressionOf, LogFile } from "../../../src/operations/logs/log_file.ts";
import { readLines } from "../../../src/operations/logs/read_lines.ts";
import { type LogRow, MAX_ROW } from "../../../src/operations/logs/rows.ts";
import { charStart } from "../../../src/operations/logs/text_bytes.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { cases } from "../../support/cases.ts";
import { rejectsWith } from "../../support/errors.ts";
import { hugeFile, numberedLines } from "../../support/huge_file.ts";
import { tempDir } from "../../support/temp_dir.ts";

const AT = new OutputLocation("suite", "1-linux/logs/a.log");
const encode = (text: string) => new TextEncoder().encode(text);

async function fileOf(
  content: Uint8Array | string,
  backend: StorageBackend = new MemoryBackend(),
): Promise<LogFile> {
  return new LogFile(backend, await backend.write(AT, bytesSource(content)));
}

interface Piece extends LogRow {
  readonly end: number;
}

/** The rows of a text, one line after the other. */
function naiveRows(bytes: Uint8Array): Piece[] {
  const rows: Piece[] = [];
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    let end = start;
    while (end < bytes.length && bytes[end] !== 10) end++;
    const next = Math.min(bytes.length, end + 1);
    const last = end < bytes.length && end > start && bytes[end - 1] === 13 ? end - 1 : end;
    for (let at = start; at === start || at < last;) {
      const cut = last - at > MAX_ROW ? charStart(bytes, at + MAX_ROW) : last;
      const isCut = cut < last;
      const text = new TextDecoder().decode(bytes.subarray(at, cut));
      rows.push({
        at,
        line,
        text,
        continued: at > start || undefined,
        continues_at: isCut ? cut : undefined,
        end: isCut ? cut : next,
      });
      if (!isCut) break;
      at = cut;
    }
    start = next;
  }
  return rows;
}

const withoutEnd = (rows: readonly Piece[]) => rows.map(({ end: _, ...row }) => row);

const lineLength = fc.oneof(
  { arbitrary: fc.nat(90), weight: 12 },
  { arbitrary: fc.integer({ min: MAX_ROW - 4, max: MAX_ROW + 4 }), weight: 1 },
  { arbitrary: fc.integer({ min: 20_000, max: 90_000 }), weight: 1 },
);

/** Bytes with lines of all kinds, most of them text. */
function textArbitrary(length: fc.Arbitrary<number>): fc.Arbitrary<Uint8Array> {
  const line = fc.record({
    length,
    fill: fc.constantFrom("x", "ü", "漢", "😀", "a\r", "\x1b[1m", "\xff"),
    end: fc.constantFrom("\n", "\n", "\n", "\r\n", "\r\r\n"),
  });
  return fc.record({ lines: fc.array(line, { maxLength: 60 }), rest: fc.string({ maxLength: 20 }) })
    .map(({ lines, rest }) => {
      const parts = lines.map(({ length, fill, end }) => {
        const unit = fill === "\xff" ? Uint8Array.of(0xff) : encode(fill);
        const bytes = new Uint8Array(length + end.length);
        for (let i = 0; i < length; i++) bytes[i] = unit[i % unit.length];
        bytes.set(encode(end), length);
        return bytes;
      });
      return new Uint8Array([...parts, encode(rest)].flatMap((part) => [...part]));
    });
}

Deno.test("lines: pages in both directions are the file, row by row", async () => {
  await fc.assert(
    fc.asyncProperty(
      textArbitrary(lineLength),
      fc.integer({ min: 1, max: 70 }),
      async (bytes, count) => {
        const file = await fileOf(bytes);
        const expected = naiveRows(bytes);
        const index = new LineIndex();
        await index.find(file, Number.MAX_SAFE_INTEGER);
        const rows: LogRow[] = [];
        for (let at = 0; at < bytes.length;) {
          const page = await readLines(file, { at, count, index });
          assert.equal(page.start, at);
          assert(page.rows.length > 0 && page.rows.length <= count);
          rows.push(...page.rows);
          at = page.end;
        }
        assert.deepEqual(rows, withoutEnd(expected));
        const back: LogRow[] = [];
        for (let at = bytes.length; at > 0;) {
          const page = await readLines(file, { at, back: true, count, index });
          assert.equal(page.end, at);
          assert(page.rows.length > 0 && page.rows.length <= count);
          back.unshift(...page.rows);
          at = page.start;
        }
        assert.deepEqual(back, withoutEnd(expected));
      },
    ),
    { numRuns: cases(200) },
  );
});

Deno.test("lines: any byte leads to the row that has it, any number to its line", async () => {
  const bytes = textArbitrary(lineLength);
  await fc.assert(
    fc.asyncProperty(bytes, fc.nat(1_000_000), fc.nat(70), async (bytes, place, number) => {
      const file = await fileOf(bytes);
      const expected = naiveRows(bytes);
      const at = bytes.length === 0 ? 0 : place % bytes.length;
      const page = await readLines(file, { at, count: 3 });
      const i = expected.findIndex(({ end }) => at < end);
      const long = i >= 0 && (expected[i].continued || expected[i].continues_at !== undefined);
      if (i >= 0 && long) assert(page.start <= at && page.end > at);
      else if (i >= 0) {
        assert.equal(page.start, expected[i].at);
        assert.equal(page.rows[0].text, expected[i].text);
        const before = await readLines(file, { at, count: 1, back: true });
        assert.equal(before.end, page.start);
      }
      const lines = expected.filter(({ continued }) => !continued);
      const found = await new LineIndex().find(file, number + 1);
      if (bytes.length === 0 && number === 0) assert.deepEqual(found, { at: 0 });
      else if (number < lines.length) assert.deepEqual(found, { at: lines[number].at });
      else assert.deepEqual(found, { lines: lines.length });
    }),
    { numRuns: cases(300) },
  );
});

for (
  const [what, content, texts] of [
    ["an empty file", "", []],
    ["no final line break", "a\nb", ["a", "b"]],
    ["a final line break", "a\n", ["a"]],
    ["empty lines", "\n\n", ["", ""]],
    ["CRLF", "a\r\nb\r\n", ["a", "b"]],
    ["progress stays in its line", "1%\r2%\r\ndone\r", ["1%\r2%", "done\r"]],
    ["a byte order mark", "\ufeffa\n\ufeffb\n", ["a", "\ufeffb"]],
    ["bytes that are not UTF-8", Uint8Array.of(97, 0xff, 0xc3, 10, 0x80, 10), [
      "a\ufffd\ufffd",
      "\ufffd",
    ]],
    ["NUL", "a\0b\n", ["a\0b"]],
  ] as const
) {
  Deno.test(`lines: ${what}`, async () => {
    await using temp = await tempDir();
    for (const backend of [new MemoryBackend(), new LocalBackend(temp.path)]) {
      const file = await fileOf(content, backend);
      for (const back of [false, true]) {
        const { rows, start, end } = await readLines(file, { back, count: 100 });
        assert.deepEqual(rows.map(({ text }) => text), texts);
        assert.deepEqual([start, end], [0, file.info.size]);
        assert.deepEqual(rows.map(({ line }) => line), texts.map((_, i) => i + 1));
      }
    }
  });
}

Deno.test("lines: a place after the end is refused, the end has no rows", async () => {
  const file = await fileOf("a\n");
  assert.deepEqual(await readLines(file, { at: 2, count: 1 }), { start: 2, end: 2, rows: [] });
  assert.deepEqual(await readLines(file, { at: 1, count: 1, back: true }), {
    start: 0,
    end: 0,
    rows: [],
  });
  await rejectsWith(readLines(file, { at: 3, count: 1 }), "invalid", "at", "at most 2");
});

const SIZE = 200_000_000;

Deno.test("lines: a file of 200 MB is opened at any place with two reads of a few hundred KiB", async () => {
  const { backend, info, reads } = hugeFile(AT, SIZE, numberedLines);
  const file = new LogFile(backend, info);
  const rowsOf = async (options: Parameters<typeof readLines>[1]) => {
    reads.length = 0;
    const { rows } = await readLines(file, options);
    assert(reads.length <= 2, `${reads}`);
    assert(reads.reduce((a, b) => a + b) <= 528 * 1024, `${reads}`);
    return rows.map(({ text }) => Number.parseInt(text));
  };
  const end = await rowsOf({ back: true, count: 300 });
  assert.deepEqual([end.length, end[0], end.at(-1)], [300, 1_999_701, 2_000_000]);
  assert.deepEqual(reads, [64 * 1024]);
  const middle = await rowsOf({ at: 123_456_789, count: 2000 });
  assert.deepEqual([middle.length, middle[0]], [2000, 1_234_568]);
  assert.deepEqual(await rowsOf({ at: 123_456_789, back: true, count: 1 }), [1_234_567]);
});

Deno.test("lines: numbers are counted once for each version, and only as far as needed", async () => {
  const { backend, info, reads } = hugeFile(AT, SIZE, numberedLines);
  const file = new LogFile(backend, info);
  const indexes = new LineIndexes();
  const numbers = async (options: Parameters<typeof readLines>[1]) =>
    (await readLines(file, { ...options, index: indexes.get(info) })).rows.map(({ line }) => line);
  assert.deepEqual(await numbers({ at: 500, count: 2 }), [undefined, undefined]);
  reads.length = 0;
  const found = await indexes.obtain(info).find(file, 100_001);
  assert.deepEqual(found, { at: 10_000_000 });
  // Three slices of 4 MiB, and the block with the line.
  assert.deepEqual(reads, [4 << 20, 4 << 20, 4 << 20, 1 << 16]);
  reads.length = 0;
  await indexes.obtain(info).find(file, 77_777);
  assert.deepEqual(reads, [1 << 16]);
  assert.deepEqual(await numbers({ at: 7_700_050, count: 2 }), [77_001, 77_002]);
  assert.deepEqual(await numbers({ at: 7_700_050, count: 2, back: true }), [76_999, 77_000]);
  assert.deepEqual(await numbers({ at: 100_000_000, count: 1 }), [undefined]);
});

Deno.test("lines: counting ends at its deadline, and the next call continues it", async () => {
  const { backend, info } = hugeFile(AT, 20_000_000, numberedLines);
  const file = new LogFile(backend, info);
  const index = new LineIndex();
  const counted: unknown[] = [];
  for (;;) {
    const found = await index.find(file, 150_001, -Infinity);
    counted.push("counted" in found ? found.counted : found);
    if ("at" in found) break;
  }
  assert.deepEqual(counted, [4 << 20, 8 << 20, 12 << 20, { at: 15_000_000 }]);
});

Deno.test("lines: two requests that count the same file at the same time count it once", async () => {
  const { backend, info } = hugeFile(AT, 20_000_000, numberedLines);
  const file = new LogFile(backend, info);
  const index = new LineIndex();
  const found = await Promise.all([150_001, 160_001, 10].map((line) => index.find(file, line)));
  assert.deepEqual(found, [{ at: 15_000_000 }, { at: 16_000_000 }, { at: 900 }]);
});

Deno.test("lines: indexes that were not used for the longest time are dropped", async () => {
  const infos = await Promise.all(
    ["a", "b", "c"].map(async (name) =>
      await new MemoryBackend().write(AT.parent.join(name), bytesSource(name))
    ),
  );
  const indexes = new LineIndexes(2);
  const [a, b] = infos.map((info) => indexes.obtain(info));
  assert.equal(indexes.size, 2);
  assert.equal(indexes.get(infos[0]), undefined);
  assert.equal(indexes.get(infos[1]), b);
  indexes.obtain(infos[0]);
  assert.equal(indexes.get(infos[2]), undefined);
  assert.notEqual(indexes.obtain(infos[0]), a);
  const few = new LineIndexes(100, 2);
  for (const info of infos) few.obtain(info);
  assert.equal(few.size, 2);
});

Deno.test("lines: a line of 1 GB is shown in rows, from both of its ends and from its middle", async () => {
  const euro = encode("€");
  const { backend, info, reads } = hugeFile(AT, 1_000_000_000, (bytes, start) => {
    for (let i = 0; i < bytes.length; i++) bytes[i] = euro[(start + i) % 3];
  });
  const file = new LogFile(backend, info);
  for (
    const options of [
      { at: 0, count: 5 },
      { at: 500_000_001, count: 5 },
      { back: true, count: 5 },
      { at: 500_000_001, back: true, count: 5 },
      { at: 500_000_001, back: true, count: 2000 },
    ]
  ) {
    reads.length = 0;
    const { rows, start, end } = await readLines(file, options);
    assert(reads.length <= 2 && reads.reduce((a, b) => a + b) <= 528 * 1024, `${reads}`);
    assert(rows.length === 5 || rows.length === 32 || rows.length === 33, `${rows.length}`);
    let at = start;
    for (const row of rows) {
      assert.equal(row.at, at);
      assert.match(row.text, /^€+.?$/u);
      assert(row.text.length <= MAX_ROW / 3 + 1);
      assert.equal(row.continued, row.at === 0 ? undefined : true);
      at = row.continues_at ?? end;
    }
    assert.equal(at, end);
    if (!options.back) assert(start <= (options.at ?? 0) && (options.at ?? 0) < end);
    else assert(end === (options.at ?? info.size) || end === options.at! - 1);
  }
});

Deno.test("lines: what is compressed is known by its name or by what the storage says", () => {
  assert.equal(compressionOf("logs/a.log"), undefined);
  assert.equal(compressionOf("logs/a.log.gz"), "gzip");
  assert.equal(compressionOf("logs/ninja_logs.TGZ"), "gzip");
  assert.equal(compressionOf("logs.gz/a"), undefined);
  assert.equal(compressionOf("logs/a.log", "gzip"), "gzip");
  assert.equal(compressionOf("logs/a.log", "identity"), undefined);
  assert.equal(compressionOf("logs/a.constructor"), undefined);
});
