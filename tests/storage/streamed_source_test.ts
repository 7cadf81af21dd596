import assert from "node:assert/strict";
import fc from "fast-check";
import { streamedSource } from "../../src/storage/streamed_source.ts";
import { collect, sha256 } from "../support/bytes.ts";

Deno.test("streamedSource(): any range of the text, and continued reads do not start again", async () => {
  const lines = Array.from({ length: 40_000 }, (_, i) => `line ü ${i}\n`);
  const whole = new TextEncoder().encode(lines.join(""));
  let opened = 0;
  let open = 0;
  async function* make(): AsyncGenerator<string> {
    opened++;
    open++;
    try {
      await Promise.resolve();
      yield* lines;
    } finally {
      open--;
    }
  }
  await using source = await streamedSource(make);
  assert.equal(source.size, whole.length);
  assert.equal(source.sha256, sha256(whole));
  assert.deepEqual(await collect(source.open()), whole);

  opened = 0;
  const third = Math.ceil(whole.length / 3);
  for (let start = 0; start < whole.length; start += third) {
    const range = { start, end: Math.min(whole.length, start + third) };
    assert.deepEqual(await collect(source.open(range)), whole.slice(range.start, range.end));
  }
  assert.deepEqual([opened, open], [1, 0]);

  const at = fc.integer({ min: 0, max: whole.length });
  await fc.assert(
    fc.asyncProperty(at, at, async (a, b) => {
      const range = { start: Math.min(a, b), end: Math.max(a, b) };
      assert.deepEqual(await collect(source.open(range)), whole.slice(range.start, range.end));
      assert(open <= 1, `${open} are open`);
    }),
    { numRuns: 10 },
  );

  for await (const _ of source.open()) break;
  await source[Symbol.asyncDispose]();
  assert.equal(open, 0);
});
