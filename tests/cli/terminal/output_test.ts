/** What a command prints: names can't bring colours, other escape sequences or lines along. */

import assert from "node:assert/strict";
import { Output } from "../../../src/cli/terminal/output.ts";
import { guarded } from "../../../src/cli/terminal/redact.ts";
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
