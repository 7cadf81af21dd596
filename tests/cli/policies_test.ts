/** The minimal policy of each command, as docs/s3.md lists it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { type Oddity, refusal, startOddServer } from "../support/odd_server.ts";
import { run, runs } from "../support/command_line.ts";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { createUpload } from "../../src/storage/s3/create_upload.ts";
import { Session } from "../../src/storage/s3/session.ts";
import { readSettings } from "../../src/storage/s3/settings.ts";
import { deb } from "../support/package_builder.ts";
import { sha, startGithub } from "../support/github_server.ts";
import { s3Env, testOptions } from "../support/s3_subject.ts";
import { startS3Server } from "../support/s3_server.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";
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
const COMMIT = ["--commit", sha(7), "--platform", "linux", "--bucket", "suite"];
const COPY = ["copy", "--source-run-id", "7", "--platform", "linux"];
const UPLOAD = ["upload", "logs", "BUILD/logs", "--artifact-group", "g", ...RUN];
const STALE = ["stale-uploads", ...RUN, "--older-than", "0s"];
const PRUNE = ["--bucket", "suite", "--max-runs", "1", "--min-age", "0s"];
const READ = "GetObject ListBucket";
const WRITE = `${READ} PutObject`;
const UNFINISHED = "ListBucketMultipartUploads ListMultipartUploadParts";

/** What each command needs, and nothing more. Words in capitals are directories of the test. */
const COMMANDS: Readonly<Record<string, readonly [args: readonly string[], policy: string]>> = {
  list: [["list", ...RUN], READ],
  find: [["find", ...COMMIT], "ListBucket"],
  fetch: [["fetch", ...RUN, "--no-extract", "--output-dir", "OUT"], READ],
  "fetch --commit": [["fetch", ...COMMIT, "--no-extract", "--output-dir", "OUT"], READ],
  verify: [["verify", ...RUN], READ],
  "verify --repair": [["verify", ...RUN, "--repair", "--from", "MIRROR/7-linux"], WRITE],
  "verify --remove-left": [["verify", ...RUN, "--remove-left"], `${READ} DeleteObject`],
  diff: [["diff", "7", "7", "--platform", "linux", "--bucket", "suite"], READ],
  export: [["export", "OUT", "7-linux", "--bucket", "suite"], READ],
  "copy --to-staging": [[...COPY, "--source-bucket", "suite", "--to-staging", "OUT"], READ],
  copy: [[...COPY, "--source-bucket", "suite", "--run-id", "8", "--bucket", "suite"], WRITE],
  "copy --from-staging": [
    [...COPY, "--from-staging", "MIRROR", "--run-id", "8", "--bucket", "suite"],
    WRITE,
  ],
  import: [["import", "EXPORT", "--bucket", "other"], WRITE],
  index: [["index", ...RUN], WRITE],
  "runs list": [["runs", "list", "--bucket", "suite"], READ],
  "runs pin": [["runs", "pin", "7-linux", "--bucket", "suite", "--reason", "x"], WRITE],
  "runs prune": [["runs", "prune", ...PRUNE], READ],
  "runs prune --yes": [["runs", "prune", ...PRUNE, "--yes"], `${WRITE} DeleteObject`],
  "stale-uploads": [STALE, UNFINISHED],
  "stale-uploads --abort": [[...STALE, "--abort"], `${UNFINISHED} AbortMultipartUpload`],
  upload: [UPLOAD, "ListBucket PutObject"],
  "upload packages": [
    ["upload", "packages", "PACKAGES", "--pkg-type", "deb", "--no-index", ...RUN],
    WRITE,
  ],
  "upload --no-index": [[...UPLOAD, "--no-index"], "PutObject"],
  "upload --if-exists skip": [[...UPLOAD, "--no-index", "--if-exists", "skip"], WRITE],
  "upload --if-exists fail": [[...UPLOAD, "--no-index", "--if-exists", "fail"], WRITE],
};

/** A bucket with a run that lacks nothing, and what commands make of it. */
async function world() {
  const stack = new AsyncDisposableStack();
  const s3 = stack.use(await startS3Server());
  const dir = stack.use(await tempDir());
  const createdAt = "2026-10-01T00:00:00Z";
  const github = stack.use(startGithub({ runs: [{ id: 7, sha: sha(7), createdAt }] }));
  const place = (name: string) => join(dir.path, name);
  const env = {
    ...s3Env(s3.url),
    GITHUB_API_URL: github.url,
    XDG_CACHE_HOME: place("cache"),
    XDG_STATE_HOME: place("state"),
  };
  await (await fetch(`${s3.url}/other`, { method: "PUT" })).body?.cancel();
  await makeBuild(place("BUILD"));
  await writeTree(place("PACKAGES"), { "a.deb": deb("rocm-a") });
  await runs(
    0,
    ["upload", "artifacts", place("BUILD/artifacts"), "--part", "a", "--no-index", ...RUN],
    env,
  );
  const upload = ["upload", "files", place("files"), "--to", "reports", "--part", "p", ...RUN];
  const job = { GITHUB_RUN_ID: "7", GITHUB_JOB: "test" };
  for (const [attempt, names] of [["1", ["a", "b"]], ["2", ["a"]]] as const) {
    for (const name of names) await writeTree(place("files"), { [name]: name });
    await runs(0, [...upload, "--no-index"], { ...env, ...job, GITHUB_RUN_ATTEMPT: attempt });
    await Deno.remove(place("files"), { recursive: true });
  }
  await runs(0, [...COPY, "--source-bucket", "suite", "--to-staging", place("MIRROR")], env);
  await runs(0, ["export", place("EXPORT"), "7-linux", "--staging-dir", place("MIRROR")], env);
  using session = new Session(await readSettings(testOptions(s3.url)));
  await createUpload(session, new OutputLocation("suite", "7-linux/a"), {}, undefined);
  return {
    url: s3.url,
    env,
    /** Arguments with the directories in place of their names. */
    words: (args: readonly string[]) =>
      args.map((arg) => arg.replace(/^(?:BUILD|OUT|MIRROR|EXPORT|PACKAGES)\b/, place)),
    /** Adds an older run. */
    async addOlder() {
      await runs(
        0,
        [...COPY, "--source-bucket", "suite", "--run-id", "6", "--bucket", "suite"],
        env,
      );
    },
    /** Damages an archive, for a repair. */
    async damage() {
      const url = `${s3.url}/suite/7-linux/base_run_generic.tar.zst`;
      await (await fetch(url, { method: "PUT", body: "damaged" })).body?.cancel();
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

type World = Awaited<ReturnType<typeof world>>;

/** Those that leave the bucket as it is, so that one is enough for all. */
const READERS: ReadonlySet<string> = new Set([
  "list",
  "find",
  "fetch",
  "fetch --commit",
  "verify",
  "diff",
  "export",
  "copy --to-staging",
  "runs list",
  "stale-uploads",
]);

/** Runs a command with each of its permissions missing, then with all of them. */
async function needs(w: World, args: readonly string[], policy: string): Promise<void> {
  const needed = policy.split(" ");
  for (const missing of needed) {
    await using less = startOddServer(w.url, role(...needed.filter((one) => one !== missing)));
    const { code, err } = await run(w.words(args), { ...w.env, ...s3Env(less.url) });
    assert.notEqual(code, 0, `without ${missing}: ${err}`);
    assert.match(err, new RegExp(`access denied; the role needs [^;]*s3:${missing}\\b`));
  }
  await using enough = startOddServer(w.url, role(...needed));
  await runs(0, w.words(args), { ...w.env, ...s3Env(enough.url) });
}

Deno.test("policies: commands that write nothing to a bucket", async (t) => {
  await using w = await world();
  for (const name of READERS) {
    const [args, policy] = COMMANDS[name];
    const own = args.map((arg) => arg === "OUT" ? `OUT/${name}` : arg);
    await t.step(`${name} needs ${policy}, and nothing more`, () => needs(w, own, policy));
  }
});

for (const [name, [args, policy]] of Object.entries(COMMANDS)) {
  if (READERS.has(name)) continue;
  Deno.test(`policies: ${name} needs ${policy}, and nothing more`, async () => {
    await using w = await world();
    if (name === "verify --repair") await w.damage();
    if (name.startsWith("runs prune")) await w.addOlder();
    await needs(w, args, policy);
  });
}
