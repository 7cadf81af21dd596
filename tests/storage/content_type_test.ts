/** Content types, against the table of what the buckets hold. */

import assert from "node:assert/strict";
import { contentType } from "../../src/storage/content_type.ts";
import { conformance } from "../layout/support.ts";

for (
  const [name, expected] of Object.entries(conformance<Record<string, string>>("content_types"))
) {
  Deno.test(`contentType(): ${name} is ${expected}`, () => {
    const charset = /^text\/|\/json$/.test(expected) ? "; charset=utf-8" : "";
    assert.equal(contentType(name), `${expected}${charset}`);
    assert.equal(contentType(`deep/er.html/${name}`), `${expected}${charset}`);
  });
}

for (
  const name of ["a.py", "a.sh", "a.cfg", "a.toml", "a.out", "a.err", "a.txt", "a.md", "a.INI"]
    .concat("1-linux/logs/g/a.yaml", "o-r/1-linux/logs/g/a.yml", "logs/g/stdout", "logs/g/deep/LOG")
    .concat("logs/g/.ninja_log")
) {
  Deno.test(`contentType(): ${name} is text that a browser shows`, () => {
    assert.equal(contentType(name), "text/plain; charset=utf-8");
  });
}

Deno.test("contentType(): a name without extension is text only among the logs", () => {
  for (const path of ["stdout", "x/stdout", "catalogs/stdout", "logs", "x/logs", "logs/"]) {
    assert.equal(contentType(path), "application/octet-stream", path);
  }
  assert.equal(contentType("logs/g/a.tar.zst"), "application/zstd");
  assert.equal(contentType("logs/g/a.unknown"), "application/octet-stream");
});

Deno.test("contentType(): only the last name of a path counts, and never a query", () => {
  assert.equal(contentType("logs.html/README"), "application/octet-stream");
  assert.equal(contentType("a.html/"), "application/octet-stream");
  assert.equal(contentType(""), "application/octet-stream");
  assert.equal(contentType(".json"), "application/octet-stream");
  assert.equal(contentType("a."), "application/octet-stream");
});

Deno.test("contentType(): names of an object's members are not extensions", () => {
  for (const name of ["a.constructor", "a.toString", "a.__proto__", "a.hasOwnProperty"]) {
    assert.equal(contentType(name), "application/octet-stream", name);
  }
});
