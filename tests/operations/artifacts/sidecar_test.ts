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
