/** What a cache removes first: a property of the plan, whatever is in use. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { shrink } from "../../../src/storage/cache/eviction.ts";

const thing = fc.record({
  size: fc.nat(40),
  usedAt: fc.nat(20),
  inUse: fc.boolean(),
});

Deno.test("shrink(): least recently used first, nothing in use, no more than needed", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(thing, { maxLength: 12 }), fc.integer({ min: 1, max: 30 }), async (
      things,
      max,
    ) => {
      const { removed, left } = await shrink(
        things,
        max,
        max,
        ({ inUse }) => Promise.resolve(!inUse),
      );
      const gone = new Set(removed);
      assert(removed.every(({ inUse }) => !inUse), "something in use was removed");
      const kept = things.filter((one) => !gone.has(one));
      assert.equal(left, kept.reduce((sum, { size }) => sum + size, 0));

      // What is too large goes, or does not count.
      const fitting = (one: { readonly size: number }) => one.size <= max;
      assert(kept.every((one) => fitting(one) || one.inUse));
      const counted = kept.filter(fitting);
      const size = counted.reduce((sum, one) => sum + one.size, 0);
      assert(size <= max || counted.every(({ inUse }) => inUse), "more could have been removed");

      // The order, and that the last one removed was needed.
      const byAge = removed.filter(fitting);
      const free = counted.filter(({ inUse }) => !inUse);
      for (const [i, one] of byAge.entries()) {
        const later = [...byAge.slice(i + 1), ...free];
        assert(later.every(({ usedAt }) => usedAt >= one.usedAt), "a newer one went first");
      }
      const last = byAge.at(-1);
      assert(last === undefined || size + last.size > max, "the last one was not in the way");
    }),
  );
});
