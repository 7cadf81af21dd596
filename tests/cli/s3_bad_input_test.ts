/** What can be wrong with a server, a bucket, keys or a clock: one line of each command. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { refused, run, runs } from "../support/command_line.ts";
import { makeBuild } from "../support/staging.ts";
import { startS3Server } from "../support/s3_server.ts";
import { tempDir } from "../support/temp_dir.ts";

const RUN = ["--run-id", "7", "--platform", "linux"];
const ENV = {
  AWS_ACCESS_KEY_ID: "key",
  AWS_SECRET_ACCESS_KEY: "secret",
  AWS_REGION: "us-east-1",
  AWS_MAX_ATTEMPTS: "2",
};

/** Every command that works on S3; each upload has several files. */
function commands(dir: string): string[][] {
  const build = join(dir, "build");
  return [
    ["list"],
    ["fetch", "--output-dir", join(dir, "out")],
    ["verify"],
    ["verify", "--repair", "--from", build],
    ["stale-uploads"],
    ["stale-uploads", "--abort"],
    ["upload", "files", build, "--to", "x"],
    ["upload", "files", build, "--to", "x", "--dry-run"],
    ["upload", "build", "--artifact-group", "g", "--build-dir", build],
    ["upload", "logs", join(build, "logs"), "--artifact-group", "g"],
    ["upload", "artifacts", join(build, "artifacts")],
  ];
}

/** A server that answers everything in one way, as S3 does. */
function refusing(status: number, code: string): { readonly url: string } & AsyncDisposable {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ method }) =>
      new Response(
        method === "HEAD" ? null : `<Error><Code>${code}</Code><Message>No</Message></Error>`,
        { status },
      ),
  );
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const REFUSALS = [
  ["a bucket that does not exist", 404, "NoSuchBucket", 3, ["no such bucket", "--bucket"]],
  ["a key that is not known", 403, "InvalidAccessKeyId", 4, ["access key", "--no-sign-request"]],
  ["a wrong secret key", 403, "SignatureDoesNotMatch", 4, ["secret access key"]],
  ["a token that has expired", 400, "ExpiredToken", 4, ["has expired", "renew"]],
  ["a token that is none", 400, "InvalidToken", 4, ["token is not valid", "renew"]],
  ["a server in trouble", 500, "InternalError", 5, ["server error", "try again"]],
  ["a server that is asked too much", 503, "SlowDown", 5, ["too many requests", "try again"]],
] as const;

for (const [title, status, s3Code, code, texts] of REFUSALS) {
  Deno.test(`bad input: ${title}: one line of each command, exit ${code}`, async () => {
    await using server = refusing(status, s3Code);
    await using temp = await tempDir();
    await makeBuild(join(temp.path, "build"));
    for (const args of commands(temp.path)) {
      await refused([...args, ...RUN, "--bucket", "suite"], texts, {
        env: { ...ENV, AWS_ENDPOINT_URL_S3: server.url },
        code,
      });
    }
  });
}

Deno.test("bad input: no permission: one line of each file, exit 4", async () => {
  await using server = refusing(403, "AccessDenied");
  await using temp = await tempDir();
  await makeBuild(join(temp.path, "build"));
  const env = { ...ENV, AWS_ENDPOINT_URL_S3: server.url };
  for (const args of commands(temp.path)) {
    // What is written may be allowed for some files and not for others, and only a write tells: a dry
    // run misses no more than the list for the index pages.
    const code = args.includes("--dry-run") ? 7 : 4;
    const { err } = await runs(code, [...args, ...RUN, "--bucket", "suite", "-q"], env);
    for (const line of err.trimEnd().split("\n")) assert.match(line, /^error: .*access denied/);
  }
});

for (
  const [title, endpoint, texts] of [
    ["nobody listens", undefined, ["connection refused (127", "--endpoint-url", "HTTPS_PROXY"]],
    ["the host has no address", "http://nowhere.invalid", [
      "host not found (nowhere.invalid)",
    ]],
  ] as const
) {
  Deno.test(`bad input: ${title}: one line of each command, exit 5`, async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const closed = `http://127.0.0.1:${listener.addr.port}`;
    listener.close();
    await using temp = await tempDir();
    await makeBuild(join(temp.path, "build"));
    for (const args of commands(temp.path)) {
      await refused([...args, ...RUN, "--bucket", "suite"], texts, {
        env: { ...ENV, AWS_MAX_ATTEMPTS: "1", AWS_ENDPOINT_URL_S3: endpoint ?? closed },
        code: 5,
      });
    }
  });
}

for (const hours of [1, -1]) {
  Deno.test(`bad input: a clock ${hours} h off: it works, with one line about it`, async () => {
    await using server = await startS3Server({ clock: hours * 3_600_000 });
    await using temp = await tempDir();
    await makeBuild(join(temp.path, "build"));
    const env = { ...ENV, AWS_ENDPOINT_URL_S3: server.url };
    for (const args of commands(temp.path)) {
      const { code, err } = await run([...args, ...RUN, "--bucket", "suite"], env);
      assert.match(err, /^warning: [^\n]*clock is 60 minutes[^\n]*\n/);
      // Before the first upload there is nothing to list.
      assert([0, 3].includes(code) && !err.includes("Cannot"), `${args}: ${err}`);
    }
    await runs(0, ["list", ...RUN, "--bucket", "suite"], env);
  });
}
