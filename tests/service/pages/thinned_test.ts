/** The pages of the service show what retention has removed from a run. */

import assert from "node:assert/strict";
import { executePrune } from "../../../src/operations/prune/execute.ts";
import { planPrune } from "../../../src/operations/prune/plan.ts";
import { RunIndex } from "../../../src/operations/retained/run_index.ts";
import type { PrunePolicy } from "../../../src/runs/retention/policy.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { putRun } from "../../support/retained.ts";
import { startService } from "../../support/service.ts";

const HEADERS = { accept: "text/html" };

/** Files are written now, so the prune is later. */
const NOW = new Date(Date.now() + 2 * 86_400_000);

async function pages(policy: Pick<PrunePolicy, "drop_kinds" | "leave_manifest">) {
  const backend = new MemoryBackend();
  const parts = { a: ["x_lib_generic.tar.zst", "logs/g/a.log"] };
  for (const id of [5, 6]) await putRun(backend, `${id}-linux`, { parts });
  const index = new RunIndex({ backend, bucket: "suite", now: () => NOW });
  const all = { group_by: [], min_age_seconds: 0, keep_last: 1, ...policy };
  const plan = await planPrune({ index }, { policy: all });
  await executePrune({ index }, plan, { tool: "<test>" });
  await using service = await startService({ backend });
  const page = async (path: string) => (await service.ask(path, { headers: HEADERS })).text;
  return {
    list: await page("/retained-runs"),
    thinned: await page("/retained-runs/5-linux"),
    whole: await page("/retained-runs/6-linux"),
  };
}

Deno.test("pages: a thinned run says so, and has no command for what is gone", async () => {
  const { list, thinned, whole } = await pages({ drop_kinds: ["artifact"] });
  assert.equal(list.match(/>thinned</g)?.length, 1);
  const date = NOW.toISOString().slice(0, 10);
  const banner = `1 file was removed by retention on ${date} (not kept by: keep-last 1)`;
  assert(
    thinned.includes(`<strong>${banner}</strong><ul><li>artifact (1 file)</li></ul>`),
    thinned,
  );
  assert(thinned.includes("Removed by retention: artifact (1 file)."));
  assert(!thinned.includes("run-outputs fetch"));
  assert(thinned.includes("wget -r"));
  assert(whole.includes("run-outputs fetch"));
  assert(!whole.includes("by retention"));
});

Deno.test("pages: a run of which only the manifest is left has no command to download", async () => {
  const { thinned } = await pages({ leave_manifest: true });
  assert(thinned.includes("Removed by retention: artifact (1 file), log (1 file)."), thinned);
  for (const program of ["run-outputs fetch", "wget", "curl"]) assert(!thinned.includes(program));
});
