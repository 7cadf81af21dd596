/** What an .rpm says of itself; broken ones are refused. */

import assert from "node:assert/strict";
import { readRpm } from "../../../src/archive/packages/rpm.ts";
import { BadArchive } from "../../../src/archive/tar/bad_archive.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { rpm } from "../../support/package_builder.ts";

Deno.test("readRpm(): names, versions, dependencies, files, changes", async () => {
  const bytes = rpm("rocm-core", {
    tags: {
      1003: [2],
      1005: "long\ntext",
      1009: [4711],
      1048: [0, 12, 64],
      1049: ["plain", "newer", "before"],
      1050: ["", "1:2.0-3", ""],
      1030: [0o100644, 0o040755, 0o100644],
      1037: [0, 0, 0x40],
      1080: [20, 10],
      1081: ["B <b@example.com>", "A"],
      1082: ["- second", "- first"],
      1116: [0, 0, 1],
      1117: ["tool", "dir", "ghost"],
      1118: ["/opt/bin/", "/var/"],
    },
    signature: { 1007: [815] },
  });
  const read = await readRpm(bytesSource(bytes));
  assert.equal(read.name, "rocm-core");
  assert.deepEqual([read.epoch, read.version, read.release, read.arch], [2, "1.0", "1", "x86_64"]);
  assert.deepEqual([read.installedSize, read.archiveSize], [4711, 815]);
  assert.deepEqual([read.description, read.license], ["long\ntext", ""]);
  assert.deepEqual(read.dependencies.provides, [
    { name: "rocm-core", flags: "EQ", version: "1.0-1", pre: false },
  ]);
  assert.deepEqual(read.dependencies.requires, [
    { name: "plain", flags: undefined, version: "", pre: false },
    { name: "newer", flags: "GE", version: "1:2.0-3", pre: false },
    { name: "before", flags: undefined, version: "", pre: true },
  ]);
  assert.deepEqual(read.files, [
    { path: "/opt/bin/tool", type: "file" },
    { path: "/opt/bin/dir", type: "dir" },
    { path: "/var/ghost", type: "ghost" },
  ]);
  assert.deepEqual(read.changes.map(({ date, text }) => [date, text]), [
    [20, "- second"],
    [10, "- first"],
  ]);
  assert.equal(bytes.length - read.headerRange.end, "payload".length);
});

const flipped = rpm("rocm-core");
flipped[flipped.length - 20] ^= 0x01;
const noMagic = rpm("rocm-core");
noMagic[96] = 0;
/** A signature header that says that it is as large as nothing is. */
const huge = rpm("rocm-core");
huge.set([0xff, 0xff, 0xff, 0xff], 96 + 12);
const outside = rpm("rocm-core", { signature: { 273: "" } });
for (
  const [what, bytes, reason] of [
    ["an empty file", "", /no RPM package: it ends in the middle of the lead/],
    ["a page in its place", "<html>".repeat(100), /does not begin with ed ab ee db/],
    ["a cut file", rpm("rocm-core").subarray(0, -1), /it has \d+ bytes, expected \d+/],
    ["a longer file", rpm("rocm-core", { signature: { 1000: [1] } }), /bytes, expected/],
    ["a file cut in the header", rpm("rocm-core").subarray(0, 300), /middle of the RPM header/],
    ["a byte that has changed", flipped, /its header has sha256/],
    ["no signature header", noMagic, /signature header is broken: no magic/],
    ["a header of 4 GB", huge, /signature header is broken: 2 tags and 4294967295 bytes/],
    ["sources", rpm("rocm-core", { type: 1 }), /source package/],
    ["no name", rpm(""), /bad name: ""/],
    ["a name with a slash", rpm("../x"), /bad name/],
    ["a wrong hash", outside, /its header has sha256/],
    [
      "files without directories",
      rpm("x1", { tags: { 1117: ["a"], 1116: [7], 1118: ["/"] } }),
      /no directory/,
    ],
  ] as const
) {
  Deno.test(`readRpm(): rejects ${what}`, async () => {
    await assert.rejects(readRpm(bytesSource(bytes)), (error) => {
      assert(error instanceof BadArchive, `${error}`);
      assert.match(error.message, reason);
      return true;
    });
  });
}
