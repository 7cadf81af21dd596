import assert from "node:assert/strict";
import { cases } from "./support/cases.ts";

Deno.test("cases(): a tenth by default, but enough; all with 'full'; a number multiplies", () => {
  const full = [10, 60, 300, 5000];
  assert.deepEqual(full.map((n) => cases(n, 20, "")), [10, 20, 30, 500]);
  assert.deepEqual(full.map((n) => cases(n, 20, "full")), full);
  assert.deepEqual(full.map((n) => cases(n, 20, "2")), [20, 120, 600, 10_000]);
  assert.deepEqual(full.map((n) => cases(n, 20, "0.001")), [1, 1, 1, 5]);
  assert.equal(cases(20, 5, ""), 5);
  for (const wrong of ["Full", "0", "-1", "many", "Infinity"]) {
    assert.throws(() => cases(60, 20, wrong), /RUN_OUTPUTS_TEST_CASES is '.*': use 'full'/);
  }
});
