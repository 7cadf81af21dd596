/** Which of two writes was later. */

import assert from "node:assert/strict";
import { isModifiedAfter } from "../../src/storage/modified.ts";

Deno.test("isModifiedAfter(): times are compared with the precision that both have", () => {
  const listed = new Date("2026-11-20T12:00:00.123Z");
  assert.equal(isModifiedAfter(listed, new Date("2026-11-20T12:00:00Z")), false);
  assert.equal(isModifiedAfter(listed, new Date("2026-11-20T12:00:00.122Z")), true);
  assert.equal(isModifiedAfter(new Date("2026-11-20T12:00:01Z"), listed), true);
  assert.equal(isModifiedAfter(listed, listed), false);
});
