/** The checks of a connection to S3, on servers that behave as servers do. */

import assert from "node:assert/strict";
import { type Finding, runChecks } from "../../../src/operations/doctor/check.ts";
import { s3Checks } from "../../../src/operations/doctor/s3_checks.ts";
import type { S3BackendOptions } from "../../../src/storage/s3/settings.ts";
import { createS3Backend } from "../../../src/storage/s3/backend.ts";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import {
  noConditions,
  noListBucket,
  type Oddity,
  putOnly,
  refusal,
  startOddServer,
} from "../../support/odd_server.ts";
import { type S3Server, type S3ServerOptions, startS3Server } from "../../support/s3_server.ts";
import { KEYS, testOptions } from "../../support/s3_subject.ts";

interface Setup {
  readonly server?: S3ServerOptions;
  readonly oddity?: Oddity;
  readonly options?: S3BackendOptions;
  readonly bucket?: string;
  readonly writeTest?: boolean;
  readonly now?: number;
  /** What can't be deleted. */
  readonly leaves?: "object" | "upload";
  /** Called with the server after the checks. */
  readonly after?: (server: S3Server) => void;
}

/** Runs all checks on a server with one object; returns the findings by name. */
async function examine(setup: Setup = {}): Promise<Record<string, Finding>> {
  const { bucket = "suite", writeTest = false, now = Date.now() } = setup;
  await using server = await startS3Server({ ...setup.server, clock: undefined });
  {
    using backend = await createS3Backend(testOptions(server.url));
    await backend.write(new OutputLocation("suite", "1-linux/a.log"), bytesSource("some text"));
  }
  await using odd = startOddServer(server.url, setup.oddity ?? {});
  const options = testOptions(odd.url, setup.options);
  const requests = server.requests.length;
  let findings: readonly Finding[];
  {
    await using s3 = s3Checks({ options, bucket, writeTest, now: () => now });
    findings = await runChecks(s3.checks);
  }
  const changes = server.requests.slice(requests).filter((line) => !line.startsWith("GET"));
  if (!writeTest) assert.deepEqual(changes, [], "nothing but reads");
  setup.after?.(server);
  using backend = await createS3Backend(testOptions(server.url));
  const left = await Array.fromAsync(backend.list(new OutputLocation("suite", "")));
  const keys = left.map(({ location }) => location.key.replace(/-[0-9a-f-]{36}$/, "-ID"));
  const probe = setup.leaves === "object" ? ["run-outputs-doctor-probe-ID"] : [];
  assert.deepEqual(keys, ["1-linux/a.log", ...probe]);
  const uploads = await Array.fromAsync(backend.listStaleUploads(new OutputLocation("suite", "")));
  assert.equal(uploads.length, setup.leaves === "upload" ? 1 : 0);
  return Object.fromEntries(findings.map((finding) => [finding.check, finding]));
}

/** `name: status message; advice`, of what is not ok. */
function troubles(findings: Record<string, Finding>): Record<string, string> {
  return Object.fromEntries(
    Object.values(findings).filter(({ status }) => status !== "ok").map((
      { check, status, message, advice, code },
    ) => [check, `${code ?? status}: ${message}${advice === undefined ? "" : `; ${advice}`}`]),
  );
}

Deno.test("doctor, s3: a good server has no findings, and is only read", async () => {
  const findings = await examine();
  const warned = troubles(findings);
  assert.deepEqual(Object.keys(warned), ["conditional-writes", "checksums", "multipart-copy"]);
  assert.match(
    warned.checksums,
    /^warning: not known for 127\.0\.0\.1:\d+; --write-test finds out/,
  );
  assert.equal(findings.credentials.message, "key ****SKEY of the caller");
  assert.equal(findings.ranges.message, "the server sends ranges of the requested version");
});

Deno.test("doctor, s3 --write-test: a good server enforces all, and keeps nothing", async () => {
  const findings = await examine({
    writeTest: true,
    after: ({ requests }) => {
      const probes = requests.filter((line) => line.includes("doctor-probe"));
      assert(probes.at(-1)!.startsWith("DELETE /suite/run-outputs-doctor-probe-"), probes.join());
    },
  });
  assert.deepEqual(troubles(findings), {});
  assert.equal(
    findings["conditional-writes"].message,
    "the server enforces If-None-Match and If-Match",
  );
});

Deno.test("doctor, s3 --write-test: a lenient server, and one without conditions", async () => {
  const lenient = troubles(await examine({ writeTest: true, server: { lenient: true } }));
  assert.deepEqual(Object.keys(lenient), ["conditional-writes", "checksums"]);
  assert.match(
    lenient["conditional-writes"],
    /the server ignores If-None-Match and If-Match; two uploads/,
  );
  assert.match(lenient.checksums, /verifies no hash of a body; altered bytes are stored/);
  const without = troubles(await examine({ writeTest: true, oddity: noConditions }));
  assert.match(without["conditional-writes"], /does not support If-None-Match and If-Match; two/);
});

Deno.test("doctor, s3 --write-test: one hash of a body is enough", async () => {
  const headerless: Oddity = {
    before: ({ method, headers }) =>
      method === "PUT" && headers.has("x-amz-checksum-sha256") ? new Response(null) : undefined,
  };
  const { checksums } = await examine({ writeTest: true, oddity: headerless });
  assert.deepEqual(
    [checksums.status, checksums.message],
    ["ok", "the server verifies the signed SHA-256"],
  );
  assert.equal(checksums.details!.x_amz_checksum_sha256, "ignored");
});

Deno.test("doctor, s3 --write-test: writers at the same time that all succeed", async () => {
  let exists = false;
  const racy: Oddity = {
    before({ method, headers, key }) {
      if (!key.includes("doctor-probe")) return;
      if (method === "PUT" && headers.has("if-none-match")) {
        return exists ? refusal(412, "PreconditionFailed", "no") : new Response(null);
      }
      if (method === "DELETE" || method === "PUT") exists = method === "PUT";
    },
  };
  const { "conditional-writes": found } = await examine({ writeTest: true, oddity: racy });
  assert.equal(found.status, "warning");
  assert.equal(
    found.message,
    "the server enforces If-Match, and enforces, unless requests come at the same time, If-None-Match",
  );
});

Deno.test("doctor, s3 --write-test: without the right to write, or to delete", async () => {
  const readOnly = {
    before: ({ method }: { method: string }) => method === "PUT" ? DENIED() : undefined,
  };
  const denied = troubles(await examine({ writeTest: true, oddity: readOnly }));
  assert.match(
    denied.write,
    /^denied: Cannot write 's3:\/\/suite\/run-.*: access denied; the role needs s3:PutObject/,
  );
  assert.equal(denied.checksums, "warning: not checked: nothing could be written");
  const unsigned = { noSignRequest: true, credentials: undefined };
  const nobody = troubles(await examine({ writeTest: true, options: unsigned }));
  assert.match(nobody.write, /^unauthenticated: .*not signed; remove --no-sign-request/);
  const keeping = async (leaves: "object" | "upload") => {
    const before: Oddity["before"] = ({ method, query }) =>
      method === "DELETE" && query.has("uploadId") === (leaves === "upload") ? DENIED() : undefined;
    return troubles(await examine({ writeTest: true, oddity: { before }, leaves })).write;
  };
  assert.match(
    await keeping("object"),
    /^warning: the probe object is left: .*denied; delete s3:\/\/suite\/run-/,
  );
  assert.match(await keeping("upload"), /^warning: an unfinished upload of .* is left; abort the/);
});

const DENIED = () => refusal(403, "AccessDenied", "Access Denied");

Deno.test("doctor, s3: the clock", async () => {
  const at = async (ms: number) => {
    const after = (_: unknown, response: Response) => {
      const headers = new Headers(response.headers);
      headers.set("date", new Date(Date.now() + ms).toUTCString());
      const { status, body } = response;
      return new Response(body, { status, headers });
    };
    return (await examine({ oddity: { after } })).clock;
  };
  assert.equal((await at(0)).status, "ok");
  const behind = await at(10 * 60_000);
  assert.deepEqual([behind.status, behind.advice], ["warning", "set it, by NTP for instance"]);
  assert.match(behind.message, /^this machine's clock is (9|10) minutes behind the server's$/);
  const ahead = await at(-3 * 3_600_000);
  assert.match(ahead.message, /clock is 3 hours ahead of the server's/);
  assert.match(ahead.advice!, /signed with the server's time/);
  assert.deepEqual([(await at(3 * 86_400_000)).code], ["unauthenticated"]);
});

Deno.test("doctor, s3: a server that rejects the time is signed for with its own", async () => {
  await using server = await startS3Server({ clock: 3_600_000 });
  await using s3 = s3Checks({
    options: testOptions(server.url),
    bucket: "suite",
    writeTest: false,
    now: Date.now,
  });
  const findings = await runChecks(s3.checks);
  const found = Object.fromEntries(findings.map((one) => [one.check, one]));
  assert.deepEqual([found.bucket.status, found.clock.status], ["ok", "warning"]);
  assert.equal(found.ranges.message, "not checked: the bucket has no object to read");
});

Deno.test("doctor, s3: the region", async () => {
  const oddity: Oddity = {
    before: ({ headers }) =>
      headers.get("authorization")?.includes("/eu-west-1/s3/")
        ? undefined
        : refusal(400, "AuthorizationHeaderMalformed", "wrong", "<Region>eu-west-1</Region>"),
  };
  const { region, bucket } = await examine({ oddity });
  assert.equal(region.message, "the bucket is in eu-west-1, not in us-east-1");
  assert.equal(region.advice, "set --region to eu-west-1");
  assert.equal(bucket.status, "ok");
});

Deno.test("doctor, s3: no ranges, or other versions", async () => {
  const whole: Oddity = {
    before: ({ method, key }) =>
      method === "GET" && key !== "" ? new Response("some text") : undefined,
  };
  const without = (await examine({ oddity: whole })).ranges;
  assert.equal(without.message, "the server sends whole objects instead of ranges");
  const anyVersion: Oddity = {
    after: async ({ key }, response) => {
      if (key === "" || response.status !== 412) return response;
      await response.body?.cancel();
      return new Response("o", { status: 206 });
    },
  };
  const other = (await examine({ oddity: anyVersion })).ranges;
  assert.equal(other.message, "the server ignores If-Match in reads");
});

Deno.test("doctor, s3: credentials that expire, expired ones, and none", async () => {
  const now = Date.now();
  const until = (ms: number): S3BackendOptions => ({
    credentials: () => Promise.resolve({ ...KEYS, expiration: new Date(now + ms) }),
  });
  const { credentials: long } = await examine({ now, options: until(7_200_000) });
  assert.deepEqual(
    [long.status, long.message],
    ["ok", "key ****SKEY of the caller, valid for 2 hours"],
  );
  const { credentials: short } = await examine({ now, options: until(600_000) });
  assert.deepEqual([short.status, /valid for 10 minutes$/.test(short.message)], ["warning", true]);
  const expired: Oddity = { before: () => refusal(400, "ExpiredToken", "expired") };
  const over = await examine({ now, options: until(-60_000), oddity: expired });
  assert.match(over.credentials.message, /expired 60 s ago$/);
  assert.deepEqual([over.credentials.code, over.bucket.code], Array(2).fill("unauthenticated"));
  assert.match(over.bucket.message, /the session token has expired/);
  // The server answers, so there is nothing wrong with it.
  assert.deepEqual([over.endpoint.status, over.clock.status], ["ok", "ok"]);
});

Deno.test("doctor, s3: access to the bucket", async () => {
  const { bucket: missing } = await examine({ bucket: "nothing" });
  assert.deepEqual([missing.code, missing.advice], [
    "not_found",
    "check --bucket and --endpoint-url",
  ]);
  for (const oddity of [noListBucket, putOnly]) {
    const { bucket, ranges } = await examine({ oddity });
    assert.deepEqual([bucket.code, bucket.advice], ["denied", "the role needs s3:ListBucket"]);
    assert.equal(ranges.message, "not checked: the bucket can't be listed");
  }
});

/** A port that nobody listens on. */
function closedPort(): number {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return listener.addr.port;
}

Deno.test("doctor, s3: no server, or something else than one", async () => {
  const closed = closedPort();
  const findings = async (options: S3BackendOptions) => {
    await using s3 = s3Checks({
      options: testOptions(`http://127.0.0.1:${closed}`, options),
      bucket: "suite",
      writeTest: false,
      now: Date.now,
    });
    const all = await runChecks(s3.checks);
    return troubles(Object.fromEntries(all.map((one) => [one.check, one])));
  };
  const none = await findings({});
  assert.match(none.endpoint, /^transient: Cannot list 's3:\/\/suite': connection refused/);
  assert.equal(none.clock, "warning: not checked: the server does not answer");
  assert.deepEqual(Object.keys(none).slice(0, 2), ["endpoint", "clock"]);
  const page = () => Promise.resolve(new Response("<html>Log in, please</html>"));
  const proxy = await findings({ fetch: page as typeof fetch });
  assert.match(proxy.endpoint, /is not from an S3 server; check --endpoint-url and proxies$/);
  const settings = await findings({ endpointUrl: "nonsense" });
  assert.match(settings.endpoint, /^invalid: Invalid endpoint URL "nonsense"/);
  assert.equal(settings.credentials, "warning: not checked: the settings are invalid");
});

Deno.test("doctor, s3: a proxy that refuses connections, and one that accepts them", async () => {
  const proxied = async (proxy: string) => {
    const env = (name: string) => name === "HTTP_PROXY" ? proxy : undefined;
    return (await examine({ options: { env } })).proxy;
  };
  const closed = closedPort();
  const refused = await proxied(`http://me:secret-password@127.0.0.1:${closed}`);
  assert.equal(refused.message, `127.0.0.1:${closed} ($HTTP_PROXY): connection refused`);
  assert.equal(refused.code, "transient");
  assert.doesNotMatch(JSON.stringify(refused), /secret-password/);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const accepted = await proxied(`127.0.0.1:${port}`);
  assert.equal(accepted.message, `127.0.0.1:${port} ($HTTP_PROXY) accepts connections`);
});
