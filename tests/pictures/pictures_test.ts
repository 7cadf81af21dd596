/** The pictures in README.md: the terminal shows what the program prints. */

import assert from "node:assert/strict";
import { assertGolden } from "../support/golden.ts";
import { recordSession } from "./session.ts";
import { terminalSvg } from "./terminal_svg.ts";

const OPTIONS = { columns: 20, rows: 4, title: "a < b" };

Deno.test("docs/pictures/terminal.svg: is the session as it is today", async () => {
  const svg = terminalSvg(await recordSession(), {
    columns: 100,
    rows: 26,
    title: "A build is uploaded, its artifacts are fetched, and a damaged file is found",
  });
  await assertGolden("../../docs/pictures/terminal.svg", svg);
});

Deno.test("terminalSvg(): styles, long lines, and the last rows", () => {
  const output = `\x1b[31merror\x1b[0m: <a> & ${"b".repeat(20)}\nc\nd\ne\n`;
  const svg = terminalSvg([{ command: "one", output }], OPTIONS);
  assert(svg.includes('<text x="0" textLength="40" class="red" xml:space="preserve">error</text>'));
  assert(svg.includes(`&lt;a&gt; &amp; ${"b".repeat(7)}<`), svg);
  assert(svg.includes(`>${"b".repeat(13)}<`));
  const [last] = svg.match(/<g transform="[^"]*">.*<\/g>\n<\/g>/)!;
  assert.equal(last.split("<use ").length - 1, 4);
  assert.throws(
    () => terminalSvg([{ command: "one", output: "\x1b[2K\n" }], OPTIONS),
    /unknown control/,
  );
});
