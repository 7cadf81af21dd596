/** Which server is asked: what the configuration says. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { readSettings } from "../../../src/storage/s3/settings.ts";
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

Deno.test("s3, endpoint: the services section of a profile stands above its endpoint_url", async () => {
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
