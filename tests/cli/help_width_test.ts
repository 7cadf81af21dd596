/** Help on terminals of several widths. */

import assert from "node:assert/strict";
import { main } from "../../src/cli/main.ts";
import { FakeIo, run } from "../support/fake_io.ts";

/** A terminal for standard output. */
class Terminal extends FakeIo {
  override readonly stdoutIsTerminal = true;
  readonly stderrWidth: () => number;

  constructor(width: number) {
    super();
    this.stderrWidth = () => width;
  }
}

/** The words of a text; where its lines end does not matter. */
const words = (text: string) => text.split(/\s+/).join(" ");

for (
  const args of [["--help"], ["fetch", "--help"], ["upload", "--help"], ["help", "runs", "list"]]
) {
  Deno.test(`${args.join(" ")}: fits the terminal, and says the same at each width`, async () => {
    const { stdout } = await run(args);
    for (const width of [60, 80, 100, 250]) {
      const io = new Terminal(width);
      assert.equal(await main(args, io), 0);
      assert.equal(words(io.out), words(stdout), `${width}`);
      if (width >= 100) assert.equal(io.out, stdout);
      // A command to copy stays on its line, and a long word is not cut.
      for (const line of io.out.split("\n")) {
        if (!/^ +(?:run-outputs|--|\S+$)/.test(line)) assert(line.length <= width, line);
      }
      for (const [line] of stdout.matchAll(/^ {2}run-outputs .*$/gm)) {
        assert(io.out.includes(line), line);
      }
    }
  });
}

Deno.test("every help ends with where the documentation is", async () => {
  for (const args of [["--help"], ["list", "--help"], ["upload", "build", "--help"]]) {
    assert.match((await run(args)).stdout, /\n\nDocumentation: https:\/\/\S+\n$/);
  }
});
