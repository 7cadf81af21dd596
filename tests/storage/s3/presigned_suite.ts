/**
 * URLs that let anybody read an object for a while.
 *
 * @module
 */

import assert from "node:assert/strict";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import type { OpenServer } from "./fault_suite.ts";

/** Tests presigned URLs on a server. */
export function presignedSuite(
  name: string,
  open: OpenServer,
  { checksSignatures = false } = {},
): void {
  Deno.test(`${name}: a presigned URL reads one object, whatever its name`, async () => {
    await using subject = await open();
    const { backend, bucket } = subject;
    for (const key of ["a.log", "a b+c%41#ü&=?~*'().txt", "gfx94X:xnack+/.dot"]) {
      const location = new OutputLocation(bucket, `1-linux/${key}`);
      await backend.write(location, bytesSource(`content of ${key}`));
      const url = await backend.presignedUrl(location, 60);
      const answer = await fetch(url, { headers: { range: "bytes=3-" } });
      assert.deepEqual([answer.status, await answer.text()], [206, `tent of ${key}`]);
      if (!checksSignatures) continue;
      for (
        const other of [
          url.replace("1-linux", "2-linux"),
          url.replace("X-Amz-Expires=60", "X-Amz-Expires=61"),
          url.replace(/\?.*/, ""),
        ]
      ) {
        assert.notEqual(other, url);
        const refused = await fetch(other);
        await refused.body?.cancel();
        assert.equal(refused.status, 403, other);
      }
    }
  });
}
