/** Which server is asked: what the configuration says. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { S3Client } from "@aws-sdk/client-s3";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { amazonHost } from "../../../src/storage/s3/amazon_host.ts";
import { publicUrls } from "../../../src/storage/open_s3.ts";
import { createS3Backend } from "../../../src/storage/s3/backend.ts";
import { readSettings } from "../../../src/storage/s3/settings.ts";
import { rejectsWith } from "../../support/errors.ts";
import { testOptions } from "../../support/s3_subject.ts";
import { tempDir } from "../../support/temp_dir.ts";

const CONFIG = `
[profile both]
endpoint_url = http://profile
services = mine
[profile services]
services = mine
[profile other]
endpoint_url = http://profile
services = without
[profile ignoring]
endpoint_url = http://profile
ignore_configured_endpoint_urls = true
[profile dangling]
endpoint_url = http://profile
services = nothing
[services mine]
s3 =
  endpoint_url = http://services
sts =
  endpoint_url = http://sts
[services without]
sts =
  endpoint_url = http://sts
`;

/** The server for a profile and an environment. */
async function endpoint(profile: string, variables: Record<string, string> = {}) {
  await using dir = await tempDir();
  const config = join(dir.path, "config");
  await Deno.writeTextFile(config, CONFIG);
  const env = (name: string) => ({ AWS_CONFIG_FILE: config, ...variables })[name];
  return (await readSettings({ profile, env })).endpoint?.host;
}

Deno.test("s3, endpoint: the services section of a profile overrides its endpoint_url", async () => {
  assert.equal(await endpoint("both"), "services");
  assert.equal(await endpoint("services"), "services");
  assert.equal(await endpoint("other"), "profile");
  assert.equal(await endpoint("dangling"), "profile");
  assert.equal(await endpoint("both", { AWS_ENDPOINT_URL: "http://variable" }), "variable");
});

Deno.test("s3, endpoint: configured endpoints are ignored if environment or profile say so", async () => {
  const ignore = { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" };
  assert.equal(await endpoint("both", ignore), undefined);
  assert.equal(await endpoint("both", { ...ignore, AWS_ENDPOINT_URL: "http://v" }), undefined);
  assert.equal(await endpoint("ignoring"), undefined);
  const not = { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "false" };
  assert.equal(await endpoint("ignoring", not), "profile");
});

const REGIONS = [
  "us-east-1",
  "us-east-2",
  "us-gov-west-1",
  "cn-north-1",
  "us-iso-east-1",
  "us-isob-east-1",
  "us-isof-south-1",
  "eu-isoe-west-1",
  "eusc-de-east-1",
];

Deno.test("s3, endpoint: a region's host is the SDK's, in each variant", () => {
  // The SDK looks into the shared configuration for what is not given.
  const { endpointProvider } = new S3Client({
    region: "us-east-1",
    maxAttempts: 1,
    retryMode: "standard",
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    defaultsMode: "standard",
    useArnRegion: false,
    userAgentAppId: "test",
    sigv4aSigningRegionSet: [],
    disableS3ExpressSessionAuth: true,
    credentials: { accessKeyId: "a", secretAccessKey: "b" },
  }).config;
  let count = 0;
  for (const Region of REGIONS) {
    for (const fips of [false, true]) {
      for (const dualStack of [false, true]) {
        if (fips && Region.startsWith("cn-")) continue;
        const input = { Bucket: "bucket", Region, UseFIPS: fips, UseDualStack: dualStack };
        const { host } = endpointProvider!(input as Parameters<typeof endpointProvider>[0]).url;
        assert.equal(`bucket.${amazonHost(Region, { fips, dualStack })}`, host);
        count++;
      }
    }
  }
  assert.equal(count, 34);
});

/** Which hosts are asked by each kind of request, under an environment. */
async function hosts(variables: Record<string, string>): Promise<string[]> {
  const asked = new Set<string>();
  const refuse: typeof fetch = (input) => {
    asked.add(new URL(`${input}`).host);
    return Promise.resolve(
      new Response("<Error><Code>NoSuchBucket</Code></Error>", { status: 404 }),
    );
  };
  const env = (name: string) => variables[name];
  const base = testOptions("", { endpointUrl: undefined, region: undefined, env, fetch: refuse });
  using backend = await createS3Backend(base);
  const at = new OutputLocation("bucket", "1-linux/a");
  for (
    const call of [
      backend.stat(at),
      backend.read(at),
      Array.fromAsync(backend.list(at)),
      backend.write(at, bytesSource("x")),
      backend.copy(at, new OutputLocation("bucket", "2-linux/a")),
      backend.delete(at),
    ]
  ) await rejectsWith(call, "not_found");
  return [...asked];
}

Deno.test("s3, endpoint: dual-stack, FIPS and China apply to every request", async () => {
  const dual = { AWS_REGION: "us-east-2", AWS_USE_DUALSTACK_ENDPOINT: "true" };
  assert.deepEqual(await hosts(dual), ["bucket.s3.dualstack.us-east-2.amazonaws.com"]);
  const fips = { AWS_REGION: "us-gov-west-1", AWS_USE_FIPS_ENDPOINT: "TRUE" };
  assert.deepEqual(await hosts(fips), ["bucket.s3-fips.us-gov-west-1.amazonaws.com"]);
  const china = { AWS_REGION: "cn-north-1" };
  assert.deepEqual(await hosts(china), ["bucket.s3.cn-north-1.amazonaws.com.cn"]);
  const neither = { AWS_REGION: "us-east-2", AWS_USE_FIPS_ENDPOINT: "false" };
  assert.deepEqual(await hosts(neither), ["bucket.s3.us-east-2.amazonaws.com"]);
});

Deno.test("s3, endpoint: an invalid or missing variant is rejected", async () => {
  const refused: Record<string, string>[] = [
    { AWS_USE_FIPS_ENDPOINT: "yes" },
    { AWS_USE_DUALSTACK_ENDPOINT: "1" },
    { AWS_USE_FIPS_ENDPOINT: "true", AWS_REGION: "cn-north-1" },
  ];
  for (const variables of refused) {
    const env = (name: string) => variables[name];
    await rejectsWith(readSettings({ env }), "invalid", Object.keys(variables)[0]);
  }
});

Deno.test("s3, endpoint: a server leads to no other part of Amazon", async () => {
  const asked: string[] = [];
  const refuse: typeof fetch = (input) => {
    asked.push(new URL(`${input}`).host);
    const headers = { "x-amz-bucket-region": "cn-north-1" };
    return Promise.resolve(new Response(null, { status: 301, headers }));
  };
  const options = testOptions("", { endpointUrl: undefined, fetch: refuse });
  using backend = await createS3Backend(options);
  await rejectsWith(backend.stat(new OutputLocation("bucket", "a")), "failed", "--region");
  assert.deepEqual([...new Set(asked)], ["bucket.s3.us-east-1.amazonaws.com"]);
});

Deno.test("s3, endpoint: the public URL is Amazon's to the letter, or the given server's", async () => {
  const urlOf = async (bucket: string, variables: Record<string, string> = {}) => {
    const env = (name: string) => variables[name];
    const location = new OutputLocation(bucket, "1-linux/a+b");
    const options = { endpointUrl: undefined, region: undefined, env };
    using backend = await createS3Backend(testOptions("", options));
    assert.equal((await publicUrls({ env }))(location), backend.publicUrl(location));
    return backend.publicUrl(location);
  };
  const ours = "https://therock-ci-artifacts.s3.amazonaws.com/1-linux/a%2Bb";
  assert.equal(await urlOf("therock-ci-artifacts"), ours);
  assert.equal(await urlOf("therock-ci-artifacts", { AWS_REGION: "eu-west-1" }), ours);
  assert.equal(
    await urlOf("bucket", { AWS_ENDPOINT_URL_S3: "http://lab:9000/s3/" }),
    "http://lab:9000/s3/bucket/1-linux/a%2Bb",
  );
  assert.equal(
    await urlOf("bucket", { AWS_REGION: "cn-north-1" }),
    "https://bucket.s3.cn-north-1.amazonaws.com.cn/1-linux/a%2Bb",
  );
  // The certificate does not cover such a host.
  assert.equal(
    await urlOf("a.b", { AWS_REGION: "eu-west-1" }),
    "https://s3.eu-west-1.amazonaws.com/a.b/1-linux/a%2Bb",
  );
});
