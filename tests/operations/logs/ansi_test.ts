/** What a terminal shows of a line of a log. */

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  type LogLine,
  paletteColor,
  parseLogLine,
  PLAIN,
  stripEscapes,
} from "../../../src/operations/logs/ansi.ts";
import { cases } from "../../support/cases.ts";

const E = "\x1b";
const parts = ({ segments }: LogLine) => segments.map(({ text, classes }) => [text, classes]);

for (
  const [line, ...expected] of [
    [""],
    ["plain", ["plain", ""]],
    [`${E}[31mred${E}[0m plain`, ["red", "ansi-fg-1"], [" plain", ""]],
    [`${E}[31mred${E}[m plain`, ["red", "ansi-fg-1"], [" plain", ""]],
    [`${E}[1;4;91mx`, ["x", "ansi-bold ansi-underline ansi-fg-9"]],
    [`${E}[0;1;31merror: ${E}[0m${E}[1mx${E}[22my`, ["error: ", "ansi-bold ansi-fg-1"], [
      "x",
      "ansi-bold",
    ], ["y", ""]],
    [
      `${E}[2;3;7;9mx${E}[23;27;29my${E}[22mz`,
      [
        "x",
        "ansi-dim ansi-italic ansi-strike ansi-inverse",
      ],
      ["y", "ansi-dim"],
      ["z", ""],
    ],
    [`${E}[44mx${E}[103my${E}[49mz`, ["x", "ansi-bg-4"], ["y", "ansi-bg-11"], ["z", ""]],
    [`${E}[38;5;208mx${E}[48;5;17;1my${E}[39mz`, ["x", "ansi-fg-208"], [
      "y",
      "ansi-bold ansi-fg-208 ansi-bg-17",
    ], ["z", "ansi-bold ansi-bg-17"]],
    [`${E}[38;2;255;0;0mx${E}[38;2;100;100;100my`, ["x", "ansi-fg-196"], ["y", "ansi-fg-241"]],
    [`${E}[38:2::0:255:0mx${E}[38:2:0:0:255my${E}[48:5:9mz`, ["x", "ansi-fg-46"], [
      "y",
      "ansi-fg-21",
    ], ["z", "ansi-fg-21 ansi-bg-9"]],
    [`${E}[4:3mx${E}[4:0my`, ["x", "ansi-underline"], ["y", ""]],
    [`${E}[38;5;300mx${E}[38;2;1mx${E}[38mx${E}[77mx${E}[38;2;256;0;0mx`, ["xxxxx", ""]],
    [`${E}[>4;2mx${E}[?25ly${E}[2K${E}[10;20Hz`, ["xyz", ""]],
    [`a${E}]8;;https://x.example/?a=b${E}\\link${E}]8;;\x07b`, ["alinkb", ""]],
    [`${E}]0;title\x07x${E}P1$r0m${E}\\y${E}(Bz${E}=${E}c`, ["xyz", ""]],
    [`${E}]0;not closed`, ["0;not closed", ""]],
    [`${E}[12`, ["12", ""]],
    [`x${E}`, ["x", ""]],
    [`${E}${E}[31mx`, ["x", "ansi-fg-1"]],
    ["a\0b\x07c\x7fd\x9be\tf\bg", ["abcde\tfg", ""]],
    ["10%\r20%\r100%", ["100%", ""]],
    ["10%\r20%\r", ["20%", ""]],
    ["\r\rx", ["x", ""]],
    [`${E}[32m10%\r${E}[0m20%`, ["20%", ""]],
    [`${E}[32m10%\r20%`, ["20%", "ansi-fg-2"]],
    [`10%${E}[2K${E}[1G20%${E}[G30%`, ["30%", ""]],
    ["über 漢字 😀", ["über 漢字 😀", ""]],
  ] as const
) {
  Deno.test(`ansi: ${JSON.stringify(line)}`, () => {
    assert.deepEqual(parts(parseLogLine(line)), expected);
  });
}

const TIME = "2026-11-20T12:00:00.1234567Z";

for (
  const [line, expected] of [
    [`${TIME} ##[group]Run make`, { timestamp: TIME, marker: "group", text: "Run make" }],
    [`\ufeff${TIME} ##[endgroup]`, { timestamp: TIME, marker: "endgroup", text: "" }],
    [`${TIME} `, { timestamp: TIME, text: "" }],
    [`${TIME} 1%\r2%`, { timestamp: TIME, text: "2%" }],
    ["2026-11-20T12:00:00Z x", { timestamp: "2026-11-20T12:00:00Z", text: "x" }],
    ["2026-11-20 x", { text: "2026-11-20 x" }],
    [`${TIME} ${E}[31m##[error]x`, { timestamp: TIME, marker: "error", text: "x" }],
    [`##[er${E}[1mror]bo${E}[0mld`, { marker: "error", text: "bold" }],
    ["##[warning]x", { marker: "warning", text: "x" }],
    ["[command]/usr/bin/git", { marker: "command", text: "/usr/bin/git" }],
    ["::group::Install", { marker: "group", text: "Install" }],
    ["::endgroup::", { marker: "endgroup", text: "" }],
    ["::error file=a.c,line=1,col=2::no ; here", { marker: "error", text: "no ; here" }],
    ["::errors::x", { text: "::errors::x" }],
    ["::error x", { text: "::error x" }],
    ["x ##[error]y", { text: "x ##[error]y" }],
    ["##[unknown]x", { text: "##[unknown]x" }],
  ] as const
) {
  Deno.test(`ansi: markers and times: ${JSON.stringify(line)}`, () => {
    const { timestamp, marker, segments } = parseLogLine(line);
    const text = segments.map((segment) => segment.text).join("");
    assert.deepEqual({ timestamp, marker, text }, {
      timestamp: undefined,
      marker: undefined,
      ...expected,
    });
  });
}

Deno.test("ansi: a look lasts until the next line, if the caller says so", () => {
  const { style } = parseLogLine(`${E}[1;31mx`);
  assert.deepEqual(parts(parseLogLine("y", style)), [["y", "ansi-bold ansi-fg-1"]]);
  assert.deepEqual(parts(parseLogLine("y")), [["y", ""]]);
  assert.deepEqual(parseLogLine(`${E}[0m`, style).style, PLAIN);
});

Deno.test("ansi: colours of the palette are those of xterm", () => {
  const known = { 16: "#000000", 21: "#0000ff", 196: "#ff0000", 208: "#ff8700", 231: "#ffffff" };
  for (const [color, text] of Object.entries({ ...known, 232: "#080808", 255: "#eeeeee" })) {
    assert.equal(paletteColor(Number(color)), text);
  }
  // A colour of the palette is the nearest one to itself.
  for (let color = 16; color < 256; color++) {
    const rgb = paletteColor(color).match(/[0-9a-f]{2}/g)!.map((hex) => Number.parseInt(hex, 16));
    const [{ classes }] = parseLogLine(`${E}[38;2;${rgb.join(";")}mx`).segments;
    assert.equal(paletteColor(Number(classes.replace("ansi-fg-", ""))), paletteColor(color));
  }
});

const piece = fc.oneof(
  fc.constantFrom(
    E,
    `${E}[`,
    `${E}]`,
    `${E}\\`,
    "\x07",
    "\r",
    "\n",
    "m",
    ";",
    ":",
    "0",
    "38",
    "5",
    "G",
  ),
  fc.constantFrom("\x9b", "\0", "##[", "group]", "::", "error", TIME, " ", "\ufeff", "\t"),
  fc.string({ unit: "binary", maxLength: 5 }),
);

Deno.test("ansi: any text is shown without control characters, and nothing is invented", () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      const line = pieces.join("");
      const { segments, style } = parseLogLine(line);
      const text = segments.map((segment) => segment.text).join("");
      // deno-lint-ignore no-control-regex -- that is what it is about
      assert.doesNotMatch(text, /[\x00-\x08\x0a-\x1f\x7f-\x9f]/);
      assert(segments.every((segment) => segment.text !== ""));
      let at = 0;
      for (const c of text) {
        at = line.indexOf(c, at) + c.length;
        assert(at >= c.length, `${JSON.stringify(c)} of ${JSON.stringify(text)}`);
      }
      for (const { classes } of segments) {
        assert.match(classes, /^(?:ansi-(?:[a-z]+|[fb]g-\d{1,3})(?: |$))*$/);
      }
      parseLogLine(line, style);
      const stripped = stripEscapes(line);
      assert(!stripped.includes(E) && stripped.split("\n").length === line.split("\n").length);
    }),
    { numRuns: cases(2000) },
  );
});

Deno.test("ansi: a line of 100,000 characters of any one kind is parsed", () => {
  const length = 100_000;
  for (
    const unit of [
      "x",
      E,
      `${E}[`,
      `${E}]`,
      `${E}[1;`,
      `${E}[31mx`,
      "\r",
      "x\r",
      "1;",
      `${E} `,
      "::",
      "##[",
      `${E}[38;5;1`,
      `${E}]8;;`,
      `${E}P`,
    ]
  ) {
    const line = unit.repeat(length / unit.length);
    parseLogLine(line);
    parseLogLine(`${E}[${line}`);
    parseLogLine(`${E}]${line}`);
    stripEscapes(`${E}[${line}`);
  }
});
