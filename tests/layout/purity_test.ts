/** The layout is pure: no file of it reaches for the world. */

import assert from "node:assert/strict";

const LAYOUT = new URL("../../src/layout/", import.meta.url);

for await (const { name } of Deno.readDir(LAYOUT)) {
  Deno.test(`layout: ${name} does no I/O`, async () => {
    const text = await Deno.readTextFile(new URL(name, LAYOUT));
    const code = text.replace(/\/\*[^]*?\*\//g, "").replace(/\/\/.*$/gm, "");
    assert.doesNotMatch(code, /\bDeno\.(?!errors\b|build\b)|\bfetch\(|\bprocess\.|\bimport\(/);
  });
}
