/**
 * The loop that `bisect run` prints where it may not run programs, run by a shell: what the last
 * commands of docs/bisect.md do.
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { loopLines } from "../../../../src/cli/commands/bisect/script.ts";
import { assertGolden } from "../../../support/golden.ts";
import { tempDir } from "../../../support/temp_dir.ts";

/** How the program behaves that the loop calls. */
interface Behaviour {
  /** The exit code of the first `next`, which prints a directory. */
  readonly first?: number;
  /** The exit code of the second one, and what it prints. */
  readonly end?: number;
  readonly ending?: string;
  /** The exit code of a verdict. */
  readonly verdict?: number;
}

const PROGRAM = `#!/bin/sh
case "$2" in
  next)
    if [ -e "$SAID" ]; then echo "$ENDING"; exit "$END"; fi
    if [ "$FIRST" -eq 0 ]; then echo /the/directory; fi
    exit "$FIRST" ;;
  good|bad|skip)
    echo "$2" > "$SAID"
    exit "$VERDICT" ;;
esac
`;

async function loop(test: readonly string[], behaviour: Behaviour = {}, shell = "sh") {
  const { first = 0, end = 3, ending = "x is the first bad commit", verdict = 0 } = behaviour;
  await using temp = await tempDir();
  const program = join(temp.path, "program");
  await Deno.writeTextFile(program, PROGRAM, { mode: 0o755 });
  const script = loopLines("sh", test, ".run-outputs-bisect", program).join("\n");
  const said = join(temp.path, "said");
  const { code, stdout, stderr } = await new Deno.Command(shell, {
    args: ["-c", script],
    env: {
      SAID: said,
      FIRST: `${first}`,
      END: `${end}`,
      ENDING: ending,
      VERDICT: `${verdict}`,
    },
  }).output();
  const text = new TextDecoder();
  return {
    code,
    out: text.decode(stdout),
    err: text.decode(stderr),
    said: (await Deno.readTextFile(said).catch(() => "")).trimEnd(),
  };
}

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, ignore: Deno.build.os === "windows", fn });
}

test("the loop: prints the end, and exits as 'bisect run' does", async () => {
  const sh = ["sh", "-c", 'echo "$RUN_OUTPUTS_DIR"; exit 2'];
  const found = await loop(sh);
  assert.deepEqual(found, {
    code: 0,
    out: "x is the first bad commit\n",
    err: "/the/directory\n",
    said: "bad",
  });
  const suspects = await loop(["true"], { end: 7, ending: "one of these 2" });
  assert.deepEqual(suspects, { code: 7, out: "one of these 2\n", err: "", said: "good" });
  assert.equal((await loop(["sh", "-c", "exit 125"])).said, "skip");
  assert.deepEqual(await loop(sh, {}, "bash"), found);
});

test("the loop: what fails ends it with its exit code", async () => {
  assert.deepEqual(await loop(["true"], { first: 5 }), { code: 5, out: "", err: "", said: "" });
  // Nothing is printed where no bisect is under way.
  assert.deepEqual(await loop(["true"], { first: 3 }), { code: 3, out: "", err: "", said: "" });
  const refused = await loop(["true"], { verdict: 1 });
  assert.deepEqual(refused, { code: 1, out: "", err: "", said: "good" });
});

test("the loop: a command that could not run, or was killed, says nothing", async () => {
  for (
    const [command, code] of [
      [["./no-such-program"], 127],
      [["/"], 126],
      [["sh", "-c", "kill -9 $$"], 137],
    ] as const
  ) {
    const ran = await loop(command);
    assert.deepEqual([ran.code, ran.out, ran.said], [1, "", ""]);
    assert.match(ran.err, new RegExp(`stopped: the command ended with ${code}; the commit is not`));
  }
});

test("the loop: words of the test reach it as they are, from bash too", async () => {
  const words = ["it's", 'a "b"', "", "$HOME", "`c`", "a\\", "ä b", "x=1", "*"];
  for (const shell of ["sh", "bash"]) {
    const ran = await loop(["printf", "%s\\n", ...words], {}, shell);
    assert.equal(ran.err, words.map((word) => `${word}\n`).join(""));
  }
});

Deno.test("the loop for PowerShell: is what a person last looked at", async () => {
  const test = ["./test me.exe", 'say "hi\\"', "", "it's", "a\u2019b", "$HOME", "--all", "x=1"];
  const lines = loopLines("powershell", test, "it's a bisect", "C:\\run outputs.exe");
  await assertGolden("bisect/loop.ps1", `${lines.join("\n")}\n`);
});
