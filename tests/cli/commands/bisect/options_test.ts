/** The options of a bisect as a command line, and back. */

import assert from "node:assert/strict";
import { isAbsolute } from "node:path";
import fc from "fast-check";
import {
  bisectArgs,
  readBisectArgs,
  settled,
} from "../../../../src/cli/commands/bisect/options.ts";
import { loopLines } from "../../../../src/cli/commands/bisect/script.ts";
import { FakeIo } from "../../../support/fake_io.ts";

const word = fc.string({ minLength: 1, unit: "grapheme" })
  .filter((text) => !/[,;{}\\]/.test(text) && !text.startsWith("-"));
const words = (pattern: RegExp) =>
  fc.array(word.filter((text) => pattern.test(text)), { minLength: 1, maxLength: 3 });
const names = words(/^\S+$/);
const number = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });

Deno.test("bisectArgs(): what is written is read as the same", () => {
  fc.assert(fc.property(
    fc.record({
      outputDir: word,
      repo: word,
      include: words(/^\S(?:.*\S)?$/s),
      artifactGroup: names,
      amdgpuTarget: names,
      expandFamilies: fc.constant(true),
      flatten: fc.constant(true),
      requireSingleRun: fc.constant(true),
      requireArtifact: fc.array(fc.constantFrom("^blas_", "a|b"), { minLength: 1 }),
      maxMembers: number,
      maxUnpackedSize: fc.oneof(
        fc.integer({ min: 1, max: 999_999_999_999 }),
        fc.integer({ min: 1, max: 8000 }).map((n) => n * 1024 ** 4),
      ),
      platform: fc.constant("linux" as const),
      cacheDir: word,
      region: word,
      requestPayer: fc.constant("requester" as const),
    }, { requiredKeys: ["outputDir", "repo"] }),
    fc.record({ signRequest: fc.boolean(), cache: fc.boolean() }),
    (some, switches) => {
      const options = { ...some, ...switches, extract: true };
      const { include = [], ...read } = readBisectArgs(bisectArgs(options));
      const { extract: _, include: given = [], ...rest } = options;
      assert.deepEqual({ ...read }, rest);
      assert.deepEqual(include, given);
    },
  ));
});

Deno.test("settled(): nothing depends on directory or environment any more", () => {
  const io = new FakeIo({
    GITHUB_REPOSITORY: "some/fork",
    THEROCK_LOCAL_STAGING_DIR: "staging",
    XDG_CACHE_HOME: "/cache",
  });
  const options = settled({ extract: true, familiesFile: "x", platform: "linux" }, "state", io);
  const { outputDir, stagingDir, familiesFile, cacheDir, repo } = options;
  for (const path of [outputDir, stagingDir, familiesFile]) assert(isAbsolute(path!), path);
  assert.match(outputDir, /[/\\]state[/\\]commits$/);
  assert.match(cacheDir!, /[/\\]cache[/\\]run-outputs$/);
  assert.equal(repo, "some/fork");
  const none = settled({ extract: true, cache: false, platform: "linux" }, "state", io);
  assert.equal(none.cacheDir, undefined);
  const named = settled({ extract: true, runGithubRepo: "a/b", platform: "linux" }, "s", io);
  assert.deepEqual([named.repo, named.runGithubRepo], ["a/b", undefined]);
});

Deno.test("loopLines(): what a shell could read otherwise is quoted", () => {
  const line = (...command: string[]) => loopLines("sh", command, ".run-outputs-bisect")[2];
  assert.equal(line("./test.sh", "-v"), "  RUN_OUTPUTS_DIR=$dir ./test.sh -v >&2");
  assert.equal(line("a b", "it's", "$x"), `  RUN_OUTPUTS_DIR=$dir 'a b' 'it'\\''s' '$x' >&2`);
  const [first, , , , , , , , , , last] = loopLines("sh", ["x"], "a b", "/my bin/run-outputs");
  assert.equal(
    first,
    "while dir=$('/my bin/run-outputs' bisect next --state-dir 'a b'); code=$?; [ \"$code\" -eq 0 ]; do",
  );
  assert.equal(
    last,
    "  '/my bin/run-outputs' bisect $verdict --no-fetch --state-dir 'a b' || { code=$?; dir=; break; }",
  );
  assert.equal(line("A=b", ""), "  RUN_OUTPUTS_DIR=$dir 'A=b' '' >&2");
});
