/** Certificates and proxies, as the environment names them, in processes of their own. */

import assert from "node:assert/strict";
import { makeCertificates } from "../support/certificates.ts";
import { SHOWN, startCredentialServer } from "../support/credential_server.ts";
import { startProxy, startTls } from "../support/fronts.ts";
import { startS3Server } from "../support/s3_server.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";
import { finish } from "./processes.ts";

const RUN = ["--run-id", "7", "--platform", "linux", "--bucket", "suite"];
const LIST = ["list", ...RUN];
/** Hosts that only a proxy of these tests knows. */
const S3 = "s3-behind-a-proxy";
/** Without TLS, the runtime looks up names itself too, and not every network answers at once. */
const PLAIN_S3 = "192.0.2.1";
const STS = "192.0.2.2";

const ONE_LINE = /^error: [^\n]*\n$/;

/** A world with a server, plain and behind TLS, and an empty environment to reach it from. */
async function world() {
  const stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir());
  const s3 = stack.use(await startS3Server());
  const certificates = await makeCertificates(S3);
  const tls = stack.use(startTls(s3.url, certificates));
  await writeTree(dir.path, { "ca.pem": certificates.ca, "a.log": "log\n" });
  const env = {
    AWS_ACCESS_KEY_ID: "KEY",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_SESSION_TOKEN: "",
    AWS_PROFILE: "",
    AWS_CONFIG_FILE: `${dir.path}/config`,
    AWS_SHARED_CREDENTIALS_FILE: `${dir.path}/credentials`,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_CA_BUNDLE: "",
    AWS_MAX_ATTEMPTS: "1",
    // Else the runtime asks after newer versions of itself, through the proxy too.
    DENO_NO_UPDATE_CHECK: "1",
    ...Object.fromEntries(
      ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"]
        .flatMap((name) => [[name, ""], [name.toLowerCase(), ""]]),
    ),
  };
  return {
    dir: dir.path,
    s3,
    tls,
    env,
    upload: ["upload", "files", `${dir.path}/a.log`, "--to", "logs", ...RUN],
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}

Deno.test("network: AWS_CA_BUNDLE is trusted, also as ca_bundle of a profile", async () => {
  await using w = await world();
  const env = { ...w.env, AWS_ENDPOINT_URL_S3: `https://127.0.0.1:${w.tls.port}` };
  const bundle = `${w.dir}/ca.pem`;
  const uploaded = await finish(w.upload, { ...env, AWS_CA_BUNDLE: bundle });
  assert.equal(uploaded.stderr, "");
  assert.equal(uploaded.code, 0);
  const listed = await finish(LIST, { ...env, AWS_CA_BUNDLE: bundle });
  assert.match(listed.stdout, /logs\/a\.log/, listed.stderr);
  await writeTree(w.dir, { config: `[default]\nca_bundle = ${bundle}\n` });
  assert.match((await finish(LIST, env)).stdout, /logs\/a\.log/);
});

Deno.test("network: a certificate that nobody vouches for is one line, exit 5", async () => {
  await using w = await world();
  const env = { ...w.env, AWS_ENDPOINT_URL_S3: `https://127.0.0.1:${w.tls.port}` };
  const other = await makeCertificates();
  await writeTree(w.dir, { "other.pem": other.ca });
  for (const bundle of ["", `${w.dir}/other.pem`]) {
    const ran = await finish(LIST, { ...env, AWS_CA_BUNDLE: bundle });
    assert.match(ran.stderr, ONE_LINE);
    assert.match(ran.stderr, /certificate[^\n]*AWS_CA_BUNDLE/);
    assert.equal(ran.code, 5, ran.stderr);
  }
  assert.deepEqual(w.s3.requests, []);
});

Deno.test("network: a bundle that is not there, or has no certificates, is one line", async () => {
  await using w = await world();
  await writeTree(w.dir, { "text.pem": "no certificates\n" });
  const env = { ...w.env, AWS_ENDPOINT_URL_S3: `https://127.0.0.1:${w.tls.port}` };
  for (const [name, code] of [["nothing.pem", 3], ["text.pem", 2]] as const) {
    const ran = await finish(LIST, { ...env, AWS_CA_BUNDLE: `${w.dir}/${name}` });
    assert.match(ran.stderr, ONE_LINE);
    assert(ran.stderr.includes(name) && ran.stderr.includes("AWS_CA_BUNDLE"), ran.stderr);
    assert.equal(ran.code, code, ran.stderr);
  }
});

for (const scheme of ["https", "http"] as const) {
  const variable = `${scheme.toUpperCase()}_PROXY`;

  Deno.test(`network: requests use ${variable}, except for NO_PROXY`, async () => {
    await using w = await world();
    const port = scheme === "https" ? w.tls.port : Number(new URL(w.s3.url).port);
    const host = scheme === "https" ? S3 : PLAIN_S3;
    await using proxy = startProxy({ names: { [host]: port } });
    const env = {
      ...w.env,
      AWS_CA_BUNDLE: `${w.dir}/ca.pem`,
      [variable]: `http://127.0.0.1:${proxy.port}`,
    };
    const behind = { ...env, AWS_ENDPOINT_URL_S3: `${scheme}://${host}` };
    const uploaded = await finish(w.upload, behind);
    assert.equal(uploaded.stderr, "");
    assert.equal(uploaded.code, 0);
    assert.match((await finish(LIST, behind)).stdout, /logs\/a\.log/);
    assert(proxy.asked.length >= 2);
    const expected = scheme === "https" ? `CONNECT ${host}:443` : `http://${host}/`;
    for (const line of proxy.asked) assert(line.includes(expected), line);

    const before = proxy.asked.length;
    const direct = {
      ...env,
      AWS_ENDPOINT_URL_S3: `${scheme}://127.0.0.1:${port}`,
      NO_PROXY: "example.com,127.0.0.1",
    };
    assert.match((await finish(LIST, direct)).stdout, /logs\/a\.log/);
    assert.equal(proxy.asked.length, before);
  });
}

for (const hosts of ["*", "127.0.0.1:PORT", "example.com *"]) {
  Deno.test(`network: NO_PROXY=${hosts} is understood as by other programs`, async () => {
    await using w = await world();
    const ended = startProxy({ names: {} });
    await ended[Symbol.asyncDispose]();
    const { port } = new URL(w.s3.url);
    const ran = await finish(LIST, {
      ...w.env,
      AWS_ENDPOINT_URL_S3: w.s3.url,
      HTTP_PROXY: `http://127.0.0.1:${ended.port}`,
      NO_PROXY: hosts.replace("PORT", port),
    });
    assert.equal(ran.code, 3, ran.stderr);
    assert(w.s3.requests.length > 0);
  });
}

Deno.test("network: a proxy that lets nobody through, or is not there, is one line, exit 5", async () => {
  await using w = await world();
  const { port } = w.tls;
  const env = { ...w.env, AWS_CA_BUNDLE: `${w.dir}/ca.pem`, AWS_ENDPOINT_URL_S3: `https://${S3}` };
  const ended = startProxy({ names: { [S3]: port } });
  await ended[Symbol.asyncDispose]();
  await using closed = startProxy({ names: { [S3]: port }, closed: true });
  await using unknowing = startProxy({ names: {} });
  for (const proxy of [ended, closed, unknowing]) {
    const ran = await finish(LIST, { ...env, HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` });
    assert.match(ran.stderr, ONE_LINE);
    // The server can't be blamed for what its proxy does.
    const named = `the proxy 127.0.0.1:${proxy.port} of $HTTPS_PROXY`;
    assert(ran.stderr.includes(named) && ran.stderr.includes(`${S3} to NO_PROXY`), ran.stderr);
    assert.equal(ran.code, 5, ran.stderr);
  }
});

Deno.test("network: requests for credentials use the proxy too", async () => {
  await using w = await world();
  await using source = startCredentialServer();
  const portOf = (url: string) => Number(new URL(url).port);
  const names = { [PLAIN_S3]: portOf(w.s3.url), [STS]: portOf(source.url) };
  await using proxy = startProxy({ names });
  await writeTree(w.dir, { token: SHOWN.webIdentityToken });
  const ran = await finish(w.upload, {
    ...w.env,
    AWS_ACCESS_KEY_ID: "",
    AWS_SECRET_ACCESS_KEY: "",
    AWS_ROLE_ARN: SHOWN.roleArn,
    AWS_WEB_IDENTITY_TOKEN_FILE: `${w.dir}/token`,
    AWS_ENDPOINT_URL_STS: `http://${STS}`,
    AWS_ENDPOINT_URL_S3: `http://${PLAIN_S3}`,
    HTTP_PROXY: `http://127.0.0.1:${proxy.port}`,
  });
  assert.equal(ran.stderr, "");
  assert.equal(ran.code, 0);
  assert.deepEqual(source.given, ["STS1"]);
  assert.deepEqual([...new Set(w.s3.signers)], ["STS1"]);
});
