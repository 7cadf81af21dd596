/** The minimal policy of each command, as docs/s3.md lists it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type Oddity, refusal, startOddServer } from "../support/odd_server.ts";
import { run, runs } from "../support/command_line.ts";
import { s3Env } from "../support/s3_subject.ts";
import { startS3Server } from "../support/s3_server.ts";
import { tempDir } from "../support/temp_dir.ts";
import { makeBuild } from "../support/staging.ts";

/** A role that may do some things; a missing object is denied if it may not list. */
function role(...allowed: readonly string[]): Oddity {
  return {
    before({ method, key, query, headers }) {
      const needed = method === "DELETE"
        ? [query.has("uploadId") ? "AbortMultipartUpload" : "DeleteObject"]
        : method === "PUT" || method === "POST"
        ? ["PutObject", ...headers.has("x-amz-copy-source") ? ["GetObject"] : []]
        : query.has("uploads")
        ? ["ListBucketMultipartUploads"]
        : query.has("uploadId")
        ? ["ListMultipartUploadParts"]
        : [key === "" ? "ListBucket" : "GetObject"];
      return needed.every((one) => allowed.includes(one))
        ? undefined
        : refusal(403, "AccessDenied", "Access Denied");
    },
    async after({ method }, response) {
      if (response.status !== 404 || allowed.includes("ListBucket")) return response;
      if (method !== "GET" && method !== "HEAD") return response;
      await response.body?.cancel();
      return method === "HEAD"
        ? new Response(null, { status: 403 })
        : refusal(403, "AccessDenied", "Access Denied");
    },
  };
}

const RUN = ["--run-id", "7", "--platform", "linux", "--bucket", "suite"];
const COPY = ["copy", "--source-run-id", "7", "--source-bucket", "suite", "--run-id", "8"];

/** What each command needs, and nothing more. */
const COMMANDS: Readonly<Record<string, readonly [args: readonly string[], policy: string]>> = {
  list: [["list", ...RUN], "GetObject ListBucket"],
  fetch: [["fetch", ...RUN, "--no-extract", "--output-dir", "OUT"], "GetObject ListBucket"],
  verify: [["verify", ...RUN], "GetObject ListBucket"],
  diff: [["diff", "7", "7", "--platform", "linux", "--bucket", "suite"], "GetObject ListBucket"],
  copy: [[...COPY, "--platform", "linux", "--bucket", "suite"], "GetObject ListBucket PutObject"],
  index: [["index", ...RUN], "GetObject ListBucket PutObject"],
  "stale-uploads": [["stale-uploads", ...RUN], "ListBucketMultipartUploads"],
  upload: [
    ["upload", "logs", "LOGS", "--artifact-group", "g", ...RUN],
    "ListBucket PutObject",
  ],
  "upload --no-index": [
    ["upload", "logs", "LOGS", "--artifact-group", "g", "--no-index", ...RUN],
    "PutObject",
  ],
};

for (const [name, [args, policy]] of Object.entries(COMMANDS)) {
  Deno.test(`policies: ${name} needs ${policy}, and nothing more`, async () => {
    await using s3 = await startS3Server();
    await using dir = await tempDir();
    const build = join(dir.path, "build");
    await makeBuild(build);
    const artifacts = ["upload", "artifacts", join(build, "artifacts"), "--no-index", ...RUN];
    await runs(0, artifacts, s3Env(s3.url));
    const line = args.map((arg) =>
      arg === "OUT" ? join(dir.path, "out") : arg === "LOGS" ? join(build, "logs") : arg
    );
    const needed = policy.split(" ");
    for (const missing of needed) {
      await using less = startOddServer(s3.url, role(...needed.filter((one) => one !== missing)));
      const { code, err } = await run(line, s3Env(less.url));
      assert.notEqual(code, 0, `without ${missing}: ${err}`);
      assert.match(err, /access denied; the role needs s3:/);
    }
    await using enough = startOddServer(s3.url, role(...needed));
    await runs(0, line, s3Env(enough.url));
  });
}
