/** The text of checksum files. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import {
  formatSidecar,
  MAX_SIDECAR_BYTES,
  parseSidecar,
  readSidecar,
} from "../../../src/operations/artifacts/sidecar.ts";
import { decodeChecksumText } from "../../../src/operations/artifacts/checksum_text.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { rejectsWith, throwsWith } from "../../support/errors.ts";

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
    ["a prefix", `sha256:${DIGEST}\n`],
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
    ["another hash of BSD's format", `SHA512 (a) = ${DIGEST}`],
    ["a list of another hash", `Algorithm : MD5\nHash : ${DIGEST}\nPath : a`],
  ] as const
) {
  Deno.test(`parseSidecar(): ${title} is an integrity error that names the file`, () => {
    throwsWith(() => parseSidecar(text, "dir/a.sha256sum"), "integrity", "dir/a.sha256sum");
  });
}

const NAME = "a_lib_generic.tar.zst";
const OTHER = "f".repeat(64);
const TABLE = "Algorithm       Hash                     Path\r\n---------       ----      ----\r\n";

for (
  const [title, text] of [
    ["sha256sum --tag, BSD", `SHA256 (${NAME}) = ${DIGEST}\n`],
    ["OpenSSL 3", `SHA2-256(${NAME})= ${DIGEST}\n`],
    ["OpenSSL 1", `SHA256(dist/${NAME})= ${DIGEST}\n`],
    ["a prefix and a name", `sha256:${DIGEST}  ${NAME}\n`],
    ["the binary marker", `${DIGEST} *${NAME}\r\n`],
    ["a path", `${DIGEST}  ./build/dist/${NAME}\n`],
    ["not the first line", `${OTHER}  b_lib_generic.tar.zst\n${DIGEST}  ${NAME}\n`],
    [
      "not the first of BSD's",
      `SHA256 (b) = ${OTHER}\nMD5 (${NAME}) = 0\nSHA256 (${NAME}) = ${DIGEST}`,
    ],
    ["comments and twice the same", `# sums\n\n${DIGEST}  ${NAME}\n${DIGEST}  ${NAME}\n`],
    [
      "PowerShell's table",
      `\r\n${TABLE}SHA256          ${DIGEST.toUpperCase()}   C:\\b\\${NAME}\r\n`,
    ],
    ["its table, cut", `${TABLE}SHA256          ${DIGEST}   C:\\Users\\runneradmin\\App...\r\n`],
    [
      "its list, wrapped",
      `\r\nAlgorithm : SHA256\r\nHash      : ${DIGEST.toUpperCase()}\r\nPath      : C:\\b\\a_lib_\r\n` +
      "            generic.tar.zst\r\n\r\n",
    ],
    [
      "its list of two",
      `Algorithm : SHA256\nHash : ${OTHER}\nPath : C:\\b\n\n` +
      `Algorithm : SHA256\nHash : ${DIGEST}\nPath : C:\\x\\${NAME}\n`,
    ],
    ["a bare digest beside another file's", `${OTHER}  b\n${DIGEST}\n`],
  ] as const
) {
  Deno.test(`parseSidecar(): ${title}, by the name of the file`, () => {
    assert.equal(parseSidecar(text, "x", NAME), DIGEST);
    for (const [mark, encode] of [["\xff\xfe", false], ["\xfe\xff", true]] as const) {
      const view = new DataView(new ArrayBuffer(text.length * 2));
      [...text].forEach((c, i) => view.setUint16(i * 2, c.charCodeAt(0), !encode));
      const bom = [...mark].map((c) => c.charCodeAt(0));
      const bytes = new Uint8Array([...bom, ...new Uint8Array(view.buffer)]);
      assert.equal(parseSidecar(decodeChecksumText(bytes), "x", NAME), DIGEST);
    }
  });
}

for (
  const [title, text, ...texts] of [
    ["another file's", `${DIGEST}  b.tar.zst\n`, '"b.tar.zst"'],
    ["another file's, in BSD's form", `SHA256 (d/b) = ${DIGEST}`, '"b"'],
    ["another file's that ends in dots", `${DIGEST}  b...\n`, '"b..."'],
    ["another file's that ends in an ellipsis", `${DIGEST} *b…\n`, '"b…"'],
    ["another file's with dots, in BSD's form", `SHA256 (b...) = ${DIGEST}`, '"b..."'],
    ["another file's with dots, after a prefix", `sha256:${DIGEST}  b...`, '"b..."'],
    [
      "another file's with dots, in PowerShell's list",
      `Algorithm : SHA256\nHash : ${DIGEST}\nPath : C:\\b...\n`,
      '"b..."',
    ],
    ["a name that only ends like it", `${DIGEST}  x${NAME}\n`, `"x${NAME}"`],
    ["two for one file", `${DIGEST}  ${NAME}\n${OTHER}  ${NAME}\n`, "several"],
    ["those of many others", "abcde".replace(/./g, `${DIGEST}  $&\n`), '"a", "b", "c" and 2 more'],
  ] as const
) {
  Deno.test(`parseSidecar(): ${title} is an integrity error that names both`, () => {
    throwsWith(() => parseSidecar(text, "dir/s", NAME), "integrity", "dir/s", NAME, ...texts);
  });
}

Deno.test("parseSidecar(): reads what formatSidecar() writes", () => {
  const digest = fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: 64, maxLength: 64 });
  fc.assert(fc.property(digest, (digits) => {
    assert.equal(parseSidecar(formatSidecar(digits.join("")), "x"), digits.join(""));
  }));
});

Deno.test("readSidecar(): the checksum that is there; what is too long for one is not read", async () => {
  const backend = new MemoryBackend();
  const [good, long] = ["good", "long"].map((name) =>
    new OutputLocation("bucket", `${name}.sha256sum`)
  );
  await backend.write(good, bytesSource(`${DIGEST}  good\n`));
  await backend.write(long, bytesSource(`${DIGEST}  good\n`.padEnd(MAX_SIDECAR_BYTES + 1, "\n")));
  const read = (location: OutputLocation) =>
    readSidecar(backend, { location }, () => "there", undefined);
  assert.equal(await read(good), DIGEST);
  await rejectsWith(read(long), "integrity", "'there'", `${MAX_SIDECAR_BYTES + 1} bytes`);
  await rejectsWith(read(new OutputLocation("bucket", "none.sha256sum")), "not_found");
});
