/** Names of our own working files are known however they are written. */

import assert from "node:assert/strict";
import { isReservedName } from "../../src/layout/reserved_names.ts";
import { TEMPORARY_PREFIX } from "../../src/storage/local/atomic_file.ts";

for (
  const name of [
    `${TEMPORARY_PREFIX}1a2b`,
    ".run-outputs-fetch",
    ".out.run-outputs-fetch",
    "out.run-outputs-fetch",
    ".out.run-outputs-fetch-f3e7951d0a4e",
    ".run-outputs-bisect",
    ".run-outputs-probe",
    ".RUN-Outputs-Fetch",
    ".out.Run-Outputs-FETCH",
    ".run-outputs-fetch.",
    ".out.run-outputs-fetch ",
    ".run\u200b-outputs-tmp-x",
    ".run-out\ufeffputs-fetch",
    "．run－outputs－fetch",
    "a.tar.xz.part.journal",
    "A.Part.JOURNAL",
    "a.part.journal. ",
    "a.part.jour\u200bnal",
    ".part.journal",
  ]
) {
  Deno.test(`isReservedName(): ${JSON.stringify(name)} is ours`, () => {
    assert.equal(isReservedName(name), true);
  });
}

Deno.test("isReservedName(): other names are free, ours inside of them too", () => {
  const free = ["", ".", "a", "run-outputs", ".run-outputs", "my.run-outputs-tmp-x", "x-y", "é-ü"];
  for (
    const name of [
      ...free,
      "run-outputs-fetch",
      "run-outputs-fetch.md",
      ".run-output-s",
      "journal",
      "x.part",
      "a.journal",
    ]
  ) {
    assert.equal(isReservedName(name), false, name);
  }
});
