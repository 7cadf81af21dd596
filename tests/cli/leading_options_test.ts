/** Options for output before the command: the same as behind it. */

import assert from "node:assert/strict";
import { parseDocument, refused, run } from "../support/command_line.ts";
import { tempDir } from "../support/temp_dir.ts";

const PATH = ["path", "root", "--run-id", "1", "--platform", "linux"];

for (const options of [["-v"], ["--json"], ["--color", "always"], ["--color=never", "-qv"]]) {
  Deno.test(`${options.join(" ")}: before a command as behind it`, async () => {
    const [name, ...rest] = PATH;
    const expected = await run([name, ...options, ...rest]);
    assert.equal(expected.code, 0);
    assert.deepEqual(await run([...options, ...PATH]), expected);
  });
}

Deno.test("options for output: before a group, and between it and its command", async () => {
  await using temp = await tempDir();
  const place = ["--staging-dir", temp.path];
  const expected = await run(["runs", "list", "--json", ...place]);
  parseDocument(expected.out);
  for (const line of [["--json", "runs", "list"], ["runs", "--json", "list"]]) {
    assert.deepEqual(await run([...line, ...place]), expected, line.join(" "));
  }
  const failed = await run(["--json", "runs", "show", "7", ...place]);
  assert.equal(parseDocument(failed.out).error.exit_code, failed.code);
});

Deno.test("options for output: the help of a command, and of all, in spite of them", async () => {
  const help = await run(["runs", "list", "--help"]);
  for (const line of [["-v", "runs", "list", "--help"], ["-q", "help", "runs", "list"]]) {
    assert.deepEqual(await run(line), help);
  }
  assert.deepEqual(await run(["--json", "--help"]), await run(["--help"]));
  assert.deepEqual(await run(["-v"]), await run([]));
});

Deno.test("options for output: others are not accepted before a command", async () => {
  await refused(["--run-id", "1", "path", "root"], ["unknown option '--run-id'"]);
  await refused(["-x", "path", "root"], ["unknown option '-x'"]);
  await refused(["-v", "pth"], ["unknown command 'pth'", "path"]);
});
