/** The lists of checksums, held against the real `sha256sum`. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { checksumLine } from "../../src/runs/checksum_lines.ts";
import { sha256 } from "../support/bytes.ts";
import { runs } from "../support/command_line.ts";
import { makeBuild, RUN } from "../support/staging.ts";
import { tempDir } from "../support/temp_dir.ts";

/** Runs it in a directory, with a list or with names. */
async function sha256sum(cwd: string, args: readonly string[], input = "") {
  const child = new Deno.Command("sha256sum", {
    args: [...args],
    cwd,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    env: { LC_ALL: "C.UTF-8" },
  }).spawn();
  const writer = child.stdin.getWriter();
  // It need not read what it is not asked to read.
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { code, stdout, stderr } = await child.output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

Deno.test("checksumLine(): what sha256sum writes of any name, and what it checks", async () => {
  await using dir = await tempDir();
  const names = [
    "plain.txt",
    "two words",
    " leading and trailing ",
    "-",
    "--check",
    "*star",
    "back\\slash",
    "line\nbreak",
    "both\\\n\\n",
    "ünïcödé 🎉",
    "\\",
  ];
  for (const name of names) await Deno.writeTextFile(join(dir.path, name), name);
  const lines = names.map((name) => checksumLine(sha256(name), name));
  const checked = await sha256sum(dir.path, ["-c", "--strict"], lines.join(""));
  assert.equal(checked.code, 0, checked.out + checked.err);
  const written = await sha256sum(dir.path, [
    "--",
    ...names.map((name) => name === "-" ? "./-" : name),
  ]);
  assert.equal(written.out, lines.join(""));
  await Deno.writeTextFile(join(dir.path, "line\nbreak"), "?");
  assert.equal((await sha256sum(dir.path, ["-c", "--strict"], lines.join(""))).code, 1);
});

Deno.test("verify --print-sums | sha256sum -c: every file of a run that has a hash", async () => {
  await using dir = await tempDir();
  const [build, staging] = [join(dir.path, "build"), join(dir.path, "staging")];
  await makeBuild(build);
  await Deno.writeTextFile(join(build, "logs", "back\\slash.log"), "odd\n");
  await runs(0, [
    ...["upload", "build", "--artifact-group", "g", "--build-dir", build, "-q"],
    ...["--output-dir", staging, ...RUN],
  ]);
  const { out } = await runs(0, ["verify", "--print-sums", "--staging-dir", staging, ...RUN]);
  const run = join(staging, "123-linux");
  const checked = await sha256sum(run, ["-c", "--strict"], out);
  assert.equal(checked.code, 0, checked.out + checked.err);
  assert.equal(checked.out.match(/: OK$/gm)?.length, 16);
  await Deno.writeTextFile(join(run, "logs/g/build.log"), "?");
  const broken = await sha256sum(run, ["-c", "--strict", "--quiet"], out);
  assert.equal(broken.code, 1);
  assert.equal(broken.out, "logs/g/build.log: FAILED\n");
});
