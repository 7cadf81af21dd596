/**
 * What clients learn of a failure of the disk: never where the staging directory is.
 *
 * @module
 */

import assert from "node:assert/strict";
import { serveRuns } from "../support/service.ts";

Deno.test({
  name: "a failure of the disk: the log names the path, the answer does not",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using service = await serveRuns({ "12345-linux": { files: ["logs/a.log"] } });
    await Deno.rename(service.dir, `${service.dir}-before`);
    // Nobody can list a link to itself, the user root neither.
    await Deno.symlink(service.dir, service.dir);
    for (const [i, target] of ["/retained-runs", "/s3/b", "/s3/b?prefix=1"].entries()) {
      for (const accept of ["application/json", "text/html"]) {
        const { status, text } = await service.ask(target, { headers: { accept } });
        assert.equal(status, 500, target);
        assert(text.includes("Cannot list"), text);
        assert(!text.includes(service.dir), text);
      }
      assert.equal(service.log.length, 2 * (i + 1));
      assert(service.log.at(-1)!.startsWith(`GET ${target}: Cannot list '${service.dir}'`));
    }
  },
});
