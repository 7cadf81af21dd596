/** What a command prints: names can't bring colours, other escape sequences or lines along. */

import assert from "node:assert/strict";
import { Output, type OutputOptions } from "../../../src/cli/terminal/output.ts";
import { guarded } from "../../../src/cli/terminal/redact.ts";
import { sha256 } from "../../support/bytes.ts";
import { FakeIo } from "../../support/fake_io.ts";

const NAME = "a\x1b[31m\n\u009b2Jb";
const SHOWN = "a\\u001b[31m\\u000a\\u009b2Jb";

Deno.test("Output: only our own colours reach the terminal", () => {
  const io = new FakeIo();
  const output = new Output(io, { color: "always" });
  output.result(() => ({ schema: "x" }), () => [`x ${output.paint(NAME, "red")} ${NAME}`]);
  output.note(`${output.paint("n", "bold")}${NAME}`);
  assert.equal(io.out, `x \x1b[31m${SHOWN}\x1b[0m ${SHOWN}\n`);
  assert.equal(io.err, `note: \x1b[1mn\x1b[0m${SHOWN}\n`);
});

Deno.test("Output: on a runner its own commands work, and those in names do not", () => {
  const io = new FakeIo({ GITHUB_ACTIONS: "true", GH_TOKEN: "secret-token" });
  const output = new Output(guarded(io), {});
  output.result(
    () => ({ schema: "x" }),
    () => [...output.group("2 files ##[x]", ["::add-mask::x", "secret-token"]), "in ##[x]"],
  );
  output.warn("50% of ##[add-mask]x, secret-token");
  assert.equal(
    io.out,
    "::group::2 files ##\\u005bx]\n:\\u003aadd-mask::x\n***\n::endgroup::\nin ##\\u005bx]\n",
  );
  assert.equal(io.err, "::warning::50%25 of ##\\u005badd-mask]x, ***\n");
});

Deno.test("Output.report(): the list with --verbose or in a dry run, one line with --quiet", () => {
  const shown = (options: OutputOptions, listed?: boolean | "always") => {
    const io = new FakeIo();
    const output = new Output(io, options);
    output.note("a note");
    output.warn("a warning");
    output.error("an error");
    output.report(() => ({ schema: "x" }), {
      listed,
      files: () => ["a file"],
      more: () => ["more"],
      last: () => "1 file",
    });
    return [io.out, io.err];
  };
  const all = "note: a note\nwarning: a warning\nerror: an error\n";
  assert.deepEqual(shown({}), ["more\n1 file\n", all]);
  assert.deepEqual(shown({ verbose: true }), ["a file\nmore\n1 file\n", all]);
  assert.deepEqual(shown({}, true), ["a file\nmore\n1 file\n", all]);
  const quiet = "warning: a warning\nerror: an error\n";
  assert.deepEqual(shown({ quiet: true }), ["1 file\n", quiet]);
  assert.deepEqual(shown({ quiet: true }, true), ["1 file\n", quiet]);
  assert.deepEqual(shown({ quiet: true }, "always")[0], "a file\n1 file\n");
  assert.equal(JSON.parse(shown({ json: true, quiet: true })[0]).schema, "x");
});

Deno.test("Output.warnAll(): many warnings that are alike are one line with a count", () => {
  const replaced = (i: number) =>
    `s3://b/1-linux/logs/${i}.log replaced (content changed: sha256 was ${sha256(`${i}`)}, is ${
      sha256("new")
    })`;
  const many = Array.from({ length: 12 }, (_, i) => replaced(i));
  const grew = (name: string) => `'${name}' grew during the upload: only its first 7 bytes`;
  const texts = [many[0], grew("a b"), ...many.slice(1), grew("c")];
  for (const verbose of [false, true]) {
    const io = new FakeIo({ GITHUB_ACTIONS: "true" });
    new Output(io, { verbose }).warnAll(texts);
    const lines = io.err.trimEnd().split("\n");
    const hint = verbose ? "" : "; --verbose shows them";
    assert.equal(lines[0], `::warning::${many[0]} (and 11 more like it${hint})`);
    assert.deepEqual(lines.slice(1, -2), verbose ? many.slice(1) : []);
    assert.deepEqual(lines.slice(-2), [`::warning::${grew("a b")}`, `::warning::${grew("c")}`]);
  }
});
