/** A bucket in another region than the one that was assumed: each way in which a server says so. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { createS3Backend, type S3Backend } from "../../../src/storage/s3/backend.ts";
import { rejectsWith } from "../../support/errors.ts";
import { testOptions } from "../../support/s3_subject.ts";
import { tempDir } from "../../support/temp_dir.ts";

const HOME = "eu-west-1";
const at = new OutputLocation("some-bucket", "1-linux/a");

interface Seen {
  readonly method: string;
  readonly host: string;
  readonly region: string;
}

/** Amazon with one bucket, without a network; tells what it was asked. */
function amazon(refuse: (method: string) => Response): { fetch: typeof fetch; seen: Seen[] } {
  const seen: Seen[] = [];
  return {
    seen,
    fetch: (input, init) => {
      const { method = "GET", headers } = init!;
      const { host } = new URL(`${input}`);
      const authorization = new Headers(headers).get("authorization")!;
      const region = /Credential=[^/]+\/\d+\/([^/]+)/.exec(authorization)![1];
      seen.push({ method, host, region });
      return Promise.resolve(region === HOME ? accept(method, `${input}`) : refuse(method));
    },
  };
}

function accept(method: string, url: string): Response {
  const headers = { etag: '"1"', "last-modified": new Date(0).toUTCString() };
  if (url.includes("list-type")) {
    return new Response("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>");
  }
  if (method === "DELETE") return new Response(null, { status: 204 });
  if (method === "HEAD") {
    return new Response(null, { headers: { ...headers, "content-length": "5" } });
  }
  return new Response(method === "GET" ? byteStream("hello") : "", {
    headers: { ...headers, "content-length": method === "GET" ? "5" : "0" },
  });
}

/** As the bodies of real answers are. */
function byteStream(text: string): ReadableStream<Uint8Array<ArrayBuffer>> {
  return new ReadableStream({
    type: "bytes",
    start(controller) {
      controller.enqueue(new TextEncoder().encode(text));
      controller.close();
    },
  });
}

function refusal(status: number, code: string, more: string, headers: HeadersInit = {}) {
  return (method: string) =>
    new Response(
      method === "HEAD" ? null : `<Error><Code>${code}</Code><Message>No</Message>${more}</Error>`,
      { status, headers },
    );
}

const CALLS: Readonly<Record<string, (backend: S3Backend) => Promise<unknown>>> = {
  stat: (backend) => backend.stat(at),
  read: async (backend) => {
    await using body = await backend.read(at);
    for await (const chunk of body) assert.equal(new TextDecoder().decode(chunk), "hello");
  },
  list: (backend) => Array.fromAsync(backend.list(at)),
  write: (backend) => backend.write(at, bytesSource("hello")),
  delete: (backend) => backend.delete(at),
};

const header = { "x-amz-bucket-region": HOME };
const REFUSALS = {
  "301 with a header": refusal(301, "PermanentRedirect", "", header),
  "307 with a header": refusal(307, "TemporaryRedirect", "", header),
  "400 with a header": refusal(400, "AuthorizationHeaderMalformed", "", header),
  "400 with the region in the body": refusal(
    400,
    "AuthorizationHeaderMalformed",
    `<Region>${HOME}</Region>`,
  ),
};

for (const [how, refuse] of Object.entries(REFUSALS)) {
  for (const [name, call] of Object.entries(CALLS)) {
    Deno.test(`s3, region: ${name}() follows a bucket that is elsewhere: ${how}`, async () => {
      const { fetch, seen } = amazon(refuse);
      using backend = await createS3Backend(testOptions("", { endpointUrl: undefined, fetch }));
      await call(backend);
      assert.deepEqual(seen[0].host, "some-bucket.s3.us-east-1.amazonaws.com");
      assert.deepEqual(seen.at(-1)!.host, `some-bucket.s3.${HOME}.amazonaws.com`);
      const before = seen.length;
      for (const again of Object.values(CALLS)) await again(backend);
      for (const { host, region } of seen.slice(before)) {
        assert.equal(region, HOME, "it is remembered");
        assert.equal(host, `some-bucket.s3.${HOME}.amazonaws.com`);
      }
    });
  }
}

Deno.test("s3, region: names of regions of all servers are accepted, others are invalid", async () => {
  const good = [
    ...["us-east-1", "us-gov-west-1", "eusc-de-east-1", "ru-central1", "us-west-004", "nyc3"],
    ...["auto", "default", "us", "garage", "a", "7", "a--b", "r".repeat(63)],
  ];
  const bad = [
    ...["xn--", "xn--a", "xn--e1afmkfd", "-", "-us", "us-", "us-east-1-", "r".repeat(64), "U S"],
    ...["us_east_1", "us.east", "us/east", "us@evil", "us-east-1\n", "\u00e9"],
  ];
  for (const region of good) {
    (await createS3Backend(testOptions("", { endpointUrl: undefined, region })))[Symbol.dispose]();
  }
  for (const region of bad) {
    const opened = createS3Backend(testOptions("", { endpointUrl: undefined, region }));
    await rejectsWith(opened, "invalid", "region", "such as us-east-2");
  }
});

Deno.test("s3, region: an invalid one of a server is reported as such, and not followed", async () => {
  for (const named of ["xn--", "xn--a", "-", "evil.example/", "\u00e9"]) {
    const { fetch, seen } = amazon((method) =>
      refusal(307, "TemporaryRedirect", "", { "x-amz-bucket-region": encodeURI(named) })(method)
    );
    using backend = await createS3Backend(testOptions("", { endpointUrl: undefined, fetch }));
    for (const call of [CALLS.list, CALLS.stat, CALLS.write]) {
      await rejectsWith(
        call(backend),
        "failed",
        `the region ${JSON.stringify(encodeURI(named))}, which is not a region's name`,
        "--endpoint-url",
      );
    }
    assert(seen.every(({ host }) => host === "some-bucket.s3.us-east-1.amazonaws.com"));
  }
});

Deno.test("s3, region: a server that sends on and on is not followed for ever", async () => {
  let count = 0;
  const { fetch, seen } = amazon(() =>
    refusal(301, "PermanentRedirect", "", { "x-amz-bucket-region": `region-${++count}` })("GET")
  );
  using backend = await createS3Backend(testOptions("", { endpointUrl: undefined, fetch }));
  await rejectsWith(backend.list(at)[Symbol.asyncIterator]().next(), "failed", "PermanentRedirect");
  assert(seen.length < 5, `${seen.length} requests`);
});

Deno.test("s3, region: a redirect that names no region is one line with what to try", async () => {
  const { fetch } = amazon(refusal(301, "PermanentRedirect", ""));
  using backend = await createS3Backend(testOptions("", { endpointUrl: undefined, fetch }));
  await rejectsWith(backend.stat(at), "failed", "--region");
  await rejectsWith(CALLS.read(backend), "failed", "--region");
});

/** What a server that is not to be trusted names as a region, to be sent there. */
const NO_REGIONS = [
  "eu-west-1.evil.example#",
  "us-east-1:8443/",
  "evil.example/",
  "a@evil.example/",
  "EU-WEST-1",
  "eu-west-1\u0000",
  "eu west",
  "..",
  "x".repeat(64),
];

for (const named of NO_REGIONS) {
  Deno.test(`s3, region: an invalid region of a server is ignored: ${JSON.stringify(named)}`, async () => {
    const inBody = refusal(400, "AuthorizationHeaderMalformed", `<Region>${named}</Region>`);
    const printable = /^[\x20-\x7e]*$/.test(named);
    const inHeader = refusal(301, "PermanentRedirect", "", {
      "x-amz-bucket-region": printable ? named : "%00",
      location: "https://evil.example/",
    });
    for (const refuse of [inBody, inHeader]) {
      for (const call of Object.values(CALLS)) {
        const { fetch, seen } = amazon(refuse);
        using backend = await createS3Backend(testOptions("", { endpointUrl: undefined, fetch }));
        await rejectsWith(call(backend), "failed");
        for (const { host } of seen) assert.equal(host, "some-bucket.s3.us-east-1.amazonaws.com");
      }
    }
  });

  Deno.test(`s3, region: an invalid region of the user is rejected: ${JSON.stringify(named)}`, async () => {
    const { fetch, seen } = amazon(() => new Response());
    const base = testOptions("", { endpointUrl: undefined, fetch, region: undefined });
    await rejectsWith(createS3Backend({ ...base, region: named }), "invalid", "Invalid region");
    for (const variable of ["AWS_REGION", "AWS_DEFAULT_REGION"]) {
      const env = (name: string) => name === variable ? named : undefined;
      await rejectsWith(createS3Backend({ ...base, env }), "invalid", `Invalid ${variable}`);
    }
    assert.equal(seen.length, 0);
  });
}

Deno.test("s3, region: an invalid region of a profile is rejected, with the profile's name", async () => {
  await using dir = await tempDir();
  for (const setting of ["region", "sso_region"]) {
    const config = join(dir.path, setting);
    const env = (name: string) => name === "AWS_CONFIG_FILE" ? config : undefined;
    await Deno.writeTextFile(config, `[profile p]\n${setting} = evil.example/\n`);
    await rejectsWith(
      createS3Backend({ profile: "p", env }),
      "invalid",
      `Invalid ${setting} of profile 'p'`,
    );
  }
});

Deno.test("s3, redirect: no request follows a Location to another host", async () => {
  const asked: string[] = [];
  await using evil = serve(() => new Response("evil"));
  await using server = serve((request) => {
    asked.push(request.method);
    return new Response(null, { status: 307, headers: { location: `${evil.url}/stolen` } });
  });
  using backend = await createS3Backend(testOptions(server.url));
  for (const call of Object.values(CALLS)) await rejectsWith(call(backend), "failed");
  assert.deepEqual(evil.paths, []);
  assert(asked.length >= Object.keys(CALLS).length);
});

/** A server on loopback that tells what it was asked. */
function serve(handler: (request: Request) => Response) {
  const paths: string[] = [];
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    paths.push(new URL(request.url).pathname);
    return handler(request);
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  return { url, paths, [Symbol.asyncDispose]: () => server.shutdown() };
}
