/** Errors of the disk are one short line, whatever the path. */

import assert from "node:assert/strict";
import { diskError } from "../../src/errors/disk.ts";

Deno.test("diskError(): of a very long path, the beginning and the end are shown", () => {
  const path = `/tmp/${"d/".repeat(500_000)}name.txt`;
  const { message } = diskError("write", path, new Deno.errors.AlreadyExists());
  assert(message.length < 400, `${message.length}`);
  assert.match(message, /^Cannot write '\/tmp\/d\/.*….*\/name\.txt': /);
  const usual = `/tmp/${"d/".repeat(90)}name.txt`;
  assert(diskError("write", usual, new Deno.errors.AlreadyExists()).message.includes(usual));
});
