/** Content types, against the table of what the buckets hold. */

import assert from "node:assert/strict";
import { contentType } from "../../src/storage/content_type.ts";
import { conformance } from "../layout/support.ts";

for (
  const [name, expected] of Object.entries(conformance<Record<string, string>>("content_types"))
) {
  Deno.test(`contentType(): ${name} is ${expected}`, () => {
    assert.equal(contentType(name), expected);
    assert.equal(contentType(`deep/er.html/${name}`), expected);
  });
}

Deno.test("contentType(): only the last name of a path counts, and never a query", () => {
  assert.equal(contentType("logs.html/README"), "application/octet-stream");
  assert.equal(contentType("a.html/"), "application/octet-stream");
  assert.equal(contentType(""), "application/octet-stream");
  assert.equal(contentType(".json"), "application/octet-stream");
  assert.equal(contentType("a."), "application/octet-stream");
});

Deno.test("contentType(): the names of an object's members are no extensions", () => {
  for (const name of ["a.constructor", "a.toString", "a.__proto__", "a.hasOwnProperty"]) {
    assert.equal(contentType(name), "application/octet-stream", name);
  }
});
