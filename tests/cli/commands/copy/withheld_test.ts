/** What a script sees of a copy that lacks a part of the manifest. */

import assert from "node:assert/strict";
import { reportWithheld } from "../../../../src/cli/commands/copy/withheld.ts";
import { Output } from "../../../../src/cli/terminal/output.ts";
import { FakeIo } from "../../../support/fake_io.ts";

Deno.test("copy: a part that changed during it makes it incomplete, one that is incomplete at the source does not", () => {
  for (const quiet of [false, true]) {
    const io = new FakeIo();
    const output = new Output(io, { quiet });
    const old = { part: "old", reason: "it is incomplete in the source" };
    const changed = { part: "p", reason: "it changed in the source while it was read" };
    const source = { unfinished: ["old"] };
    assert.equal(reportWithheld([], source, output), false);
    assert.equal(reportWithheld([old], source, output), false);
    assert.equal(reportWithheld([old, changed], source, output), true);
    const [first, second] = [old, changed].map(({ part, reason }) =>
      `warning: manifest part ${part} not written: ${reason}\n`
    );
    assert.equal(io.err, first + first + second);
  }
});
