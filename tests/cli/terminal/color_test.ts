/** Colours of results, errors and warnings: each stream by itself. */

import assert from "node:assert/strict";
import { main } from "../../../src/cli/main.ts";
import { usesColor } from "../../../src/cli/terminal/color.ts";
import { Output } from "../../../src/cli/terminal/output.ts";
import { FakeIo } from "../../support/fake_io.ts";

/** An `Io` whose streams are terminals or not. */
class Terminals extends FakeIo {
  override readonly stdoutIsTerminal: boolean;
  override readonly stderrIsTerminal: boolean;

  constructor(streams: string, env: Readonly<Record<string, string>> = {}) {
    super(env);
    this.stdoutIsTerminal = streams.includes("out");
    this.stderrIsTerminal = streams.includes("err");
  }
}

/** Which streams are terminals, the environment, `--color`; which streams have colours then. */
const CASES: readonly [string, Record<string, string>, string | undefined, string][] = [
  ["", {}, undefined, ""],
  ["out", {}, undefined, "out"],
  ["err", {}, "auto", "err"],
  ["out err", { TERM: "dumb" }, undefined, ""],
  ["out err", { NO_COLOR: "1" }, undefined, ""],
  ["out err", { NO_COLOR: "" }, undefined, "out err"],
  ["", { FORCE_COLOR: "1" }, undefined, "out err"],
  ["out err", { FORCE_COLOR: "0" }, undefined, ""],
  ["out err", { FORCE_COLOR: "" }, undefined, "out err"],
  ["", { NO_COLOR: "1", FORCE_COLOR: "1" }, undefined, ""],
  ["", { NO_COLOR: "1" }, "always", "out err"],
  ["out err", { FORCE_COLOR: "1" }, "never", ""],
];

for (const [streams, env, when, expected] of CASES) {
  Deno.test(`colours: '${streams}' are terminals, ${JSON.stringify(env)}, --color ${when}`, () => {
    const io = new Terminals(streams, env);
    const colored = ["out", "err"].filter((name) =>
      usesColor(io, name === "out" ? "stdout" : "stderr", when)
    );
    assert.equal(colored.join(" "), expected);
  });
}

Deno.test("colours: a text that is painted has them only on the stream that shows them", () => {
  for (const streams of ["out", "err"]) {
    const io = new Terminals(streams);
    const output = new Output(io);
    output.result(() => ({ schema: "x" }), () => [`a ${output.paint("b", "red")} c`]);
    output.note(`a ${output.paint("b", "red")} c`);
    const painted = "a \x1b[31mb\x1b[0m c\n";
    assert.equal(io.out, streams === "out" ? painted : "a b c\n");
    assert.equal(io.err, `note: ${streams === "err" ? painted : "a b c\n"}`);
  }
});

Deno.test("errors and warnings: their first word is coloured, not the message", async () => {
  const io = new Terminals("err");
  new Output(io).warn("w \x1b[31m");
  assert.equal(io.err, "\x1b[1;33mwarning:\x1b[0m w \\u001b[31m\n");
  const command = new Terminals("err");
  assert.equal(await main(["lst"], command), 2);
  assert(command.err.startsWith("\x1b[1;31merror:\x1b[0m unknown command 'lst' "), command.err);
  for (const args of [["--color", "never", "lst"], ["lst", "--color=never"]]) {
    const plain = new Terminals("err");
    assert.equal(await main(args, plain), 2);
    assert.match(plain.err, /^error: unknown command 'lst'/);
  }
  const runner = new Terminals("err", { GITHUB_ACTIONS: "true", FORCE_COLOR: "1" });
  assert.equal(await main(["lst"], runner), 2);
  assert.match(runner.err, /^::error::unknown command/);
});
