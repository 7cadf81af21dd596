/** Where output goes that can't take it. */

import assert from "node:assert/strict";
import { programScript } from "../support/program.ts";

const run = programScript();

async function bash(script: string) {
  const { code, stdout, stderr } = await new Deno.Command("bash", { args: ["-c", script] })
    .output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test({
  name: "a full output is one line and exit 1",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const { code, stderr } = await bash(`${run} path --list > /dev/full`);
    assert.equal(code, 1);
    assert.match(stderr, /^error: Cannot write 'standard output': no space left[^\n]*\n$/);
  },
});

Deno.test({
  name: "a full output is one line and exit 1 with --json too, and for errors",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    const json = await bash(
      `${run} path root --run-id 1 --platform linux --json > /dev/full`,
    );
    assert.equal(json.code, 1);
    assert.match(json.stderr, /^error: Cannot write 'standard output': no space left[^\n]*\n$/);
    const usage = await bash(`${run} path nothing --json > /dev/full`);
    assert.equal(usage.code, 2);
    assert.match(usage.stderr, /^error: [^\n]*nothing[^\n]*\n$/);
    assert.equal((await bash(`${run} path nothing 2> /dev/full`)).code, 2);
  },
});
