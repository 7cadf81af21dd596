/** Text that a runner finds no command in, whatever it was and however it is cut. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { withoutCommands } from "../../src/github/workflow_command.ts";
import { cases } from "../support/cases.ts";

/** Whether the runner takes a line for a command: `ActionCommand.cs` of `actions/runner`. */
function isCommand(line: string): boolean {
  return line.trimStart().startsWith("::") || line.includes("##[");
}

function inert(pieces: readonly string[]): string {
  const next = withoutCommands();
  return pieces.map(next).join("");
}

Deno.test("withoutCommands(): only the last character of what begins a command changes", () => {
  for (
    const [text, expected] of [
      ["::add-mask::x", ":\\u003aadd-mask::x"],
      ["a\n \t::add-mask::x", "a\n \t:\\u003aadd-mask::x"],
      ["a\r::b", "a\r:\\u003ab"],
      ["\u00a0::x", "\u00a0:\\u003ax"],
      ["a ##[b]###[c]", "a ##\\u005bb]###\\u005bc]"],
      ["std::string\n#[x] a::b", "std::string\n#[x] a::b"],
    ]
  ) assert.equal(inert([text]), expected);
});

Deno.test("withoutCommands(): no pieces of a text make a command, and JSON stays the same", () => {
  const piece = fc.string({
    unit: fc.constantFrom(":", "#", "[", " ", "\n", "\r", "a", "\\", '"'),
  });
  fc.assert(
    fc.property(fc.array(piece), (pieces) => {
      const text = inert(pieces);
      assert(!text.split(/\r\n|\r|\n/).some(isCommand), JSON.stringify(text));
      const document = JSON.stringify(pieces, null, 2);
      assert.deepEqual(JSON.parse(inert([...document])), pieces);
    }),
    { numRuns: cases(2000), examples: [[[" :", ":x"]], [["#", "#", "["]], [["a\n", ":", ":"]]] },
  );
});
