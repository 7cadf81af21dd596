import assert from "node:assert/strict";
import { claimPart } from "../../src/runs/part_claim.ts";
import type { ManifestHead } from "../../src/runs/manifest.ts";
import { manifestPart } from "../support/manifest.ts";

function head(run_id: string, job: string): ManifestHead {
  const run = { run_id, run_attempt: 1, platform: "linux" } as const;
  return manifestPart("p", [], { run, writer: { job } });
}

Deno.test("claimPart(): a part that was copied from another run is nobody's in this one", () => {
  assert.equal(claimPart(head("1", "a"), head("2", "b")), "unite");
  assert(claimPart(head("2", "a"), head("2", "b")) instanceof Error);
});
