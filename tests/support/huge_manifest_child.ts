/**
 * Prints the manifest of a huge run in a process whose memory is limited:
 * `huge_manifest_child.ts COUNT`. Its one part is too large to be kept.
 *
 * @module
 */

import { Output } from "../../src/cli/terminal/output.ts";
import { runOperation } from "../../src/operations/retained/operation.ts";
import { RUNS_OPERATIONS } from "../../src/operations/retained/operations.ts";
import { RunIndex } from "../../src/operations/retained/run_index.ts";
import { FakeIo } from "./fake_io.ts";
import { hugeRun } from "./huge_run.ts";

/** Counts what is printed. */
class CountingIo extends FakeIo {
  rows = 0;
  size = 0;

  override stdout(text: string): void {
    this.rows += text.match(/"sha256": /g)?.length ?? 0;
    this.size += text.length;
  }
}

const { root, backend } = hugeRun(Number(Deno.args[0]), 1, true);
const index = new RunIndex({ backend, bucket: root.bucket });
const answer = await runOperation(RUNS_OPERATIONS.manifest, { index, tool: "test" }, {
  run: "123-linux",
});
const io = new CountingIo();
await new Output(io, { json: true }).stream(() => answer, async function* () {});
console.log(JSON.stringify({ status: answer.artifact_manifest.status, rows: io.rows }));
