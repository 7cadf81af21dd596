/** The text of checksum files. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { formatSidecar, parseSidecar } from "../../src/operations/sidecar.ts";
import { throwsWith } from "../support/errors.ts";

const DIGEST = "0123456789abcdef".repeat(4);

for (
  const [title, text] of [
    ["a bare digest", DIGEST],
    ["with a line break", `${DIGEST}\n`],
    ["with Windows' line break", `${DIGEST}\r\n`],
    ["the two columns of sha256sum", `${DIGEST}  a_lib_generic.tar.zst\n`],
    ["its binary mode", `${DIGEST} *a_lib_generic.tar.zst\n`],
    ["a tab", `${DIGEST}\ta`],
    ["a name that sha256sum escapes", `\\${DIGEST}  a\\nb\n`],
    ["upper case", `${DIGEST.toUpperCase()}\n`],
    ["a byte order mark", `\uFEFF${DIGEST}\n`],
    ["space before", `  \n${DIGEST}`],
    ["several lines: the first counts", `${DIGEST}  a\n${"f".repeat(64)}  b\n`],
  ] as const
) {
  Deno.test(`parseSidecar(): ${title}`, () => assert.equal(parseSidecar(text, "x"), DIGEST));
}

for (
  const [title, text] of [
    ["nothing", ""],
    ["63 digits", DIGEST.slice(1)],
    ["65 digits", `${DIGEST}0`],
    ["no hex digit", DIGEST.replace("0", "g")],
    ["a SHA-1", "0".repeat(40)],
    ["the name first", `a.tar.zst ${DIGEST}`],
    ["an HTML page", "<!doctype html><title>404</title>"],
    ["BSD's format", `SHA256 (a) = ${DIGEST}`],
  ] as const
) {
  Deno.test(`parseSidecar(): ${title} is an integrity error that names the file`, () => {
    throwsWith(() => parseSidecar(text, "dir/a.sha256sum"), "integrity", "dir/a.sha256sum");
  });
}

Deno.test("parseSidecar(): reads what formatSidecar() writes", () => {
  const digest = fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: 64, maxLength: 64 });
  fc.assert(fc.property(digest, (digits) => {
    assert.equal(parseSidecar(formatSidecar(digits.join("")), "x"), digits.join(""));
  }));
});
