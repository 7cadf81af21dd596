/** Commands in messages: whole, so that they work as they stand. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { completeHints, type Invocation } from "../../src/cli/hints.ts";
import { run, runJson, runs } from "../support/command_line.ts";
import { putArchives, RUN } from "../support/staging.ts";
import { tempDir } from "../support/temp_dir.ts";

function invocation(
  command: string,
  options: Readonly<Record<string, string | undefined>>,
): Invocation {
  const [words, args = ""] = command.split(": ");
  return {
    command: words.split(" "),
    args: args.split(" "),
    options: new Map(Object.entries(options)),
  };
}

const complete = (hint: string, command: string, options: Record<string, string | undefined>) =>
  completeHints(`no: '${hint}' helps`, invocation(command, options));

Deno.test("hints: options that name run and storage are repeated, others are not", () => {
  assert.equal(
    complete("run-outputs list --kind artifact", "fetch", {
      "output-dir": "out",
      "run-id": "1",
      platform: "linux",
      "staging-dir": "my dir",
      "no-sign-request": undefined,
    }),
    'no: \'run-outputs list --kind artifact --staging-dir "my dir" --run-id 1 --platform linux ' +
      "--no-sign-request' helps",
  );
  const upload = { "output-dir": "out", "run-github-repo": "a/b" };
  assert.equal(
    complete("run-outputs index --force", "upload files", upload),
    "no: 'run-outputs index --force --staging-dir out --repo a/b' helps",
  );
  assert.equal(
    complete("run-outputs stale-uploads --abort", "upload files", { ...upload, region: "x" }),
    "no: 'run-outputs stale-uploads --abort --repo a/b --region x' helps",
  );
  assert.equal(
    complete("run-outputs bisect reset", "bisect next", { "state-dir": "b", platform: "linux" }),
    "no: 'run-outputs bisect reset --state-dir b' helps",
  );
});

Deno.test("hints: of a copy, what is listed is its source", () => {
  const options = { "source-run-id": "1", "run-id": "2", "from-staging": "s", bucket: "b" };
  assert.equal(
    complete("run-outputs list", "copy", options),
    "no: 'run-outputs list --staging-dir s --run-id 1' helps",
  );
  assert.equal(
    complete("run-outputs runs list", "copy", { "from-staging": "s", "to-staging": "t" }),
    "no: 'run-outputs runs list --staging-dir s' helps",
  );
  assert.equal(
    complete("run-outputs index --force", "copy", options),
    "no: 'run-outputs index --force --run-id 2 --bucket b' helps",
  );
});

Deno.test("hints: of an export, what is listed is its one run", () => {
  const hint = (args: string) => complete("run-outputs list", `export: ${args}`, { region: "x" });
  for (const name of ["12-linux", "12-Linux"]) {
    assert.equal(
      hint(`runs.tar ${name}`),
      "no: 'run-outputs list --run-id 12 --platform linux --region x' helps",
    );
  }
  assert.equal(
    hint("runs.tar a-b~12-linux"),
    "no: 'run-outputs list --run-id \"a-b~12-linux\" --region x' helps",
  );
  assert.equal(hint("runs.tar 12"), "no: 'run-outputs list --run-id 12 --region x' helps");
  assert.equal(hint("runs.tar 12 13"), "no: 'run-outputs list --region x' helps");
});

for (
  const [command, options, bucket, flag] of [
    ["copy", { bucket: "lab", "run-id": "2" }, "therock-ci-artifacts", "--source-bucket"],
    ["copy", { bucket: "lab" }, "lab", "--bucket"],
    ["copy", { "source-bucket": "lab" }, "lab", "--source-bucket"],
    ["copy", { "source-bucket": "lab" }, "therock-ci-artifacts", "--bucket"],
    ["copy", { bucket: "lab", "source-bucket": "far" }, "far", "--source-bucket"],
    ["copy", { "to-staging": "here" }, "therock-ci-artifacts", "--source-bucket"],
    ["copy", { "from-staging": "here" }, "therock-ci-artifacts", "--bucket"],
    ["diff", { "bucket-b": "lab" }, "lab", "--bucket-b"],
    ["diff", { "bucket-b": "lab" }, "other", "--bucket"],
    ["list", { bucket: "lab" }, "lab", "--bucket"],
  ] as const
) {
  const given = JSON.stringify(options);
  Deno.test(`hints: ${command} ${given}: of '${bucket}', what to check is ${flag}`, () => {
    const message = `Cannot list 's3://${bucket}/1-linux/': no such bucket; check `;
    assert.equal(
      completeHints(`${message}--bucket and --endpoint-url`, invocation(command, options)),
      `${message}${flag} and --endpoint-url`,
    );
  });
}

Deno.test("hints: complete commands, and other text, do not change", () => {
  const fetch = invocation("fetch", { "run-id": "1" });
  for (
    const text of ["'run-outputs list --run-id 1'", "'run-outputs help' lists all commands", "list"]
  ) {
    assert.equal(completeHints(text, fetch), text);
  }
});

Deno.test("fetch: the command in its hint works unchanged", async () => {
  await using temp = await tempDir();
  const staging = join(temp.path, "staging");
  await putArchives(join(staging, "123-linux"), ["blas_lib_gfx942.tar.zst"]);
  const args = ["fetch", "nope_*", `--staging-dir=${staging}`, ...RUN, "--output-dir", "out"];
  const { err } = await runs(3, args);
  const [, hint] = /'run-outputs ([^']+)' shows them/.exec(err)!;
  assert.match((await runs(0, hint.split(" "))).out, /blas_lib_gfx942/);
  const { error } = await runJson(3, args);
  assert(error.message.includes(`'run-outputs ${hint}'`), error.message);
});

Deno.test("bisect: the command that it names has the state's directory", async () => {
  await using temp = await tempDir();
  const state = join(temp.path, "state");
  const { err } = await run(["bisect", "next", "--state-dir", state]);
  assert(err.includes(`--bad COMMIT --state-dir ${state}'`), err);
});

Deno.test("hints: a missing run or destination is named as the command takes it", async () => {
  await using temp = await tempDir();
  const at = (name: string) => join(temp.path, name);
  await putArchives(at("20-linux"), ["a_lib_generic.tar.xz"]);
  const staging = ["--from-staging", temp.path];
  const missing = async (...args: string[]) => (await run(args)).err;
  assert.match(
    await missing("export", at("x.tar")),
    /^error: Missing run: give it after the archive/,
  );
  assert.match(
    await missing("copy", ...staging, "--source-run-id", "20"),
    /^error: Missing destination: give --to-staging DIR, or --run-id ID for a copy in S3$/m,
  );
  assert.match(
    await missing("copy", "20", ...staging, "--to-staging", at("to")),
    /'local' is the run if no id is given: give --source-run-id ID \('run-outputs runs list /,
  );
  assert.match(
    await missing("diff", "7", "99", "--staging-dir", temp.path),
    /check the run id, the platform and the repository/,
  );
});
