/** Archives of ours are never compressed better than readers take. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { MAX_RATIO, RATIO_FROM, ratioPadding } from "../../../src/archive/compression/ratio.ts";
import { pack } from "../../../src/archive/pack/pack.ts";
import { listMembers } from "../../../src/archive/tar/list_members.ts";
import { concat } from "../../support/bytes.ts";
import { compress, tar } from "../../support/tar_builder.ts";
import { tempDir } from "../../support/temp_dir.ts";
import { decode } from "../../support/unpack.ts";

for (const compression of ["zst", "xz"] as const) {
  Deno.test(`ratioPadding(): ${compression}: the padding is skipped, and corrects the ratio`, async () => {
    const bytes = tar({ name: "f", content: "content" });
    const packed = await compress(bytes, `.${compression}`);
    const unpacked = RATIO_FROM + 1;
    const padding = ratioPadding(compression, packed.length, unpacked);
    const whole = packed.length + padding.length;
    assert(whole * MAX_RATIO >= unpacked && whole < unpacked / MAX_RATIO + 16, `${whole}`);
    assert.deepEqual(
      new Uint8Array(await decode(concat([packed, padding]), compression)),
      bytes,
    );
    assert.equal(ratioPadding(compression, packed.length, RATIO_FROM).length, 0);
    assert.equal(ratioPadding(compression, whole, unpacked).length, 0);
  });
}

Deno.test("pack(): the archive of a sparse file of 600 MB is as large as readers want it", async () => {
  await using dir = await tempDir();
  await Deno.writeFile(join(dir.path, "zeros"), new Uint8Array());
  await Deno.truncate(join(dir.path, "zeros"), 600_000_000);
  let size = 0;
  for await (const bytes of pack(await listMembers(dir.path), { compression: "zst", level: 1 })) {
    size += bytes.length;
  }
  assert(size * MAX_RATIO >= 600_000_000, `${size}`);
});
