/** The program on a terminal, which `script` of util-linux makes. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { makeSlowBuild } from "../e2e/support.ts";
import { programLine } from "../support/program.ts";
import { fileNames } from "../support/snapshot.ts";
import { tempDir } from "../support/temp_dir.ts";
import { screenOf } from "../support/terminal_screen.ts";

Deno.test({
  name: "a terminal: bars while it uploads, and nothing of them afterwards",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using temp = await tempDir();
    const build = join(temp.path, "build");
    await makeSlowBuild(build);
    const args = [
      "upload",
      "build",
      "--artifact-group",
      "g",
      "--build-dir",
      build,
      "--run-id",
      "1",
    ];
    args.push("--output-dir", join(temp.path, "s"), "--platform", "linux");
    const words = [...programLine(), ...args, "--level", "17"];
    const text = await onTerminal(words, join(temp.path, "log"));
    assert((await fileNames(join(temp.path, "s"))).length > 60);
    assert.match(text, /\d+% {2}\d+ of \d+ files/);
    assert.match(text, /part\d+_lib_generic {2}/);
    assert(text.lastIndexOf("\u001b[?25h") > text.lastIndexOf("\u001b[?25l"), "the cursor is back");
    const [begin, end] = [text.indexOf("\n") + 1, text.lastIndexOf("\u001b[0J")];
    assert.equal(screenOf(text.slice(begin, end), 80).wrapped, 0, "no row is too long");
    const after = text.slice(text.lastIndexOf("\u001b[0J"));
    assert.doesNotMatch(after, /[█░]/);
    assert.match(after, /\d+ files, [\d.]+ MB: \d+ written in [^\n]*\r\n/);
  },
});

Deno.test({
  name: "a terminal: nothing asks for permissions, whatever a command looks at",
  ignore: Deno.build.os !== "linux",
  fn: async () => {
    await using temp = await tempDir();
    const input = join(temp.path, "a.txt");
    await Deno.writeTextFile(input, "a\n");
    const to = ["--to", "x", "--output-dir", join(temp.path, "new/s")];
    const args = ["upload", "files", input, ...to, "--run-id", "1", "--platform", "linux"];
    // The free space of a new directory is that of one above it, which its thread may not look at.
    const text = await onTerminal([...programLine(), ...args], join(temp.path, "log"));
    assert.doesNotMatch(text, /permission|Deno requests/i);
  },
});

/** What a command that succeeds writes on a terminal of 80 columns. */
async function onTerminal(words: readonly string[], log: string): Promise<string> {
  const line = words.map((word) => `'${word}'`).join(" ");
  const { code } = await new Deno.Command("script", {
    args: ["-qec", `stty cols 80 rows 24; ${line}`, log],
    env: { NO_COLOR: "1", GITHUB_ACTIONS: "", RELEASE_TYPE: "ci" },
    stdin: "null",
    stdout: "null",
    // A question that nobody answers would keep it running.
    signal: AbortSignal.timeout(60_000),
  }).output();
  const text = await Deno.readTextFile(log);
  assert.equal(code, 0, text);
  return text;
}
