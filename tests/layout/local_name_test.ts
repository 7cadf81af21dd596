import { strict as assert } from "node:assert";
import fc from "fast-check";
import { decodeWindowsName, encodeWindowsName } from "../../src/layout/local_name.ts";
import { cases } from "../support/cases.ts";

/** Segments of the characters where the encoding has work to do. */
const segment = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1 }).filter((text) => !text.includes("/")),
  fc.string({
    unit: fc.constantFrom(...'%2:3A5aEe.<>|?*"\\ CONIN$lpt1'),
    minLength: 1,
    maxLength: 8,
  }),
  fc.tuple(
    fc.constantFrom("con", "NUL", "com1", "LPT²", "conin$"),
    fc.constantFrom("", " ", ".a", " .a", ":"),
  )
    .map((parts) => parts.join("")),
);

Deno.test("encodeWindowsName(): decodes back, so no two names collide", () => {
  fc.assert(
    fc.property(segment, (name) => assert.equal(decodeWindowsName(encodeWindowsName(name)), name)),
    { numRuns: cases(2000) },
  );
});

Deno.test("encodeWindowsName(): the name is one that Windows accepts", () => {
  fc.assert(
    fc.property(segment, (name) => {
      const encoded = encodeWindowsName(name);
      // deno-lint-ignore no-control-regex -- what Windows refuses
      assert.doesNotMatch(encoded, /[<>:"/|?*\\\u0000-\u001f]|[. ]$/);
      assert.doesNotMatch(
        encoded,
        /^(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\.|$)/i,
      );
    }),
    { numRuns: cases(2000) },
  );
});

Deno.test("encodeWindowsName(): known names", () => {
  assert.equal(encodeWindowsName("rccl_test_gfx942:xnack+"), "rccl_test_gfx942%3Axnack+");
  assert.equal(encodeWindowsName("nul"), "%6Eul");
  assert.equal(encodeWindowsName("NUL .txt"), "%4EUL .txt");
  assert.equal(encodeWindowsName("CONIN$"), "%43ONIN$");
  assert.equal(encodeWindowsName("nullable.log"), "nullable.log");
  assert.equal(encodeWindowsName("a."), "a%2E");
  assert.equal(encodeWindowsName(".."), ".%2E");
  assert.equal(encodeWindowsName("100%"), "100%");
  assert.equal(encodeWindowsName("a%20b"), "a%2520b");
});

Deno.test("decodeWindowsName(): a name that the encoding never produces stays one segment", () => {
  for (const name of ["a%2Fb", "%2E%2E%2Fx", "a%41", "a%3a", "%2E"]) {
    const decoded = decodeWindowsName(name);
    assert(!decoded.includes("/"));
    if (encodeWindowsName(decoded) !== name) assert.equal(decoded, name);
  }
  assert.equal(decodeWindowsName("a%2Fb"), "a%2Fb");
  assert.equal(decodeWindowsName("a%41"), "a%41");
});
