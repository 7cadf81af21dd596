/** The command that `bisect run` tests commits with: what its end says, and when it has ended. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { commandTest } from "../../../../src/cli/commands/bisect/command.ts";
import type { BisectTest } from "../../../../src/operations/bisect/source.ts";
import { rejectsWith } from "../../../support/errors.ts";
import { tempDir } from "../../../support/temp_dir.ts";

const step = (directory: string): BisectTest => ({
  kind: "test",
  commit: { sha: "a".repeat(40), parents: [], title: "", date: "" },
  directory,
  runs: [],
  survey: { suspects: [], testable: [], steps: 0, next: undefined },
});

const sh = (script: string, onOutput: (text: string) => void = () => {}) =>
  commandTest(["sh", "-c", script], onOutput);

/** A shell's loop that keeps standard output open for 20 s, unless the file `stop` appears. */
const LINGER = "i=0; while [ ! -e stop ] && [ $i -lt 400 ]; do sleep 0.05; i=$((i+1)); done; " +
  "echo > ended";

function test(name: string, fn: (dir: string) => Promise<void>): void {
  Deno.test({
    name,
    ignore: Deno.build.os === "windows",
    async fn() {
      await using temp = await tempDir();
      await fn(temp.path);
    },
  });
}

async function lingers(dir: string): Promise<void> {
  const ended = await Deno.stat(join(dir, "ended")).then(() => true, () => false);
  await Deno.writeTextFile(join(dir, "stop"), "");
  assert.equal(ended, false, "what the command left running was waited for");
}

test("commandTest(): the exit code is the verdict", async (dir) => {
  for (const [code, verdict] of [[0, "good"], [1, "bad"], [124, "bad"], [125, "skip"]] as const) {
    assert.deepEqual(await sh(`exit ${code}`)(step(dir), {}), { verdict, exitCode: code });
  }
});

test("commandTest(): a command that could not run, or was killed, says nothing", async (dir) => {
  const run = (script: string) => sh(script)(step(dir), {});
  await rejectsWith(run("no-such-program"), "failed", "127", "can't be run", "not marked");
  await rejectsWith(run("/"), "failed", "126", "can't be run", "not marked");
  await rejectsWith(run("exit 128"), "failed", "exit code 128", "not marked");
  await rejectsWith(run("kill -9 $$"), "failed", "SIGKILL", "not marked");
  const missing = commandTest(["./no-such-program"], () => {})(step(dir), {});
  await rejectsWith(missing, "invalid", "program not found");
});

test("commandTest(): what it leaves running is not waited for", async (dir) => {
  let out = "";
  const script = `cd '${dir}'; (${LINGER}) & head -c 300000 /dev/zero | tr '\\0' x; exit 1`;
  const result = await sh(script, (text) => out += text)(step(dir), {});
  await lingers(dir);
  assert.deepEqual(result, { verdict: "bad", exitCode: 1 });
  assert.equal(out.length, 300_000, "all that it has printed by then is passed on");
});

test("commandTest(): an abort ends it, whatever runs on and whatever it heeds", async (dir) => {
  for (const script of [`(${LINGER}) & wait`, `trap '' TERM; ${LINGER}`]) {
    const controller = new AbortController();
    const reason = new Error("enough");
    // When it has begun, it says so.
    const run = sh(`cd '${dir}'; echo begun; ${script}`, () => controller.abort(reason));
    await assert.rejects(run(step(dir), { signal: controller.signal }), reason);
    await lingers(dir);
    await Deno.remove(join(dir, "stop"));
  }
});
