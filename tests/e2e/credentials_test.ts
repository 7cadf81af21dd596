/**
 * Where credentials come from, in processes with the program's own permissions: the AWS SDK's
 * chain reads the process's environment.
 */

import assert from "node:assert/strict";
import { SHOWN, startCredentialServer } from "../support/credential_server.ts";
import { startS3Server } from "../support/s3_server.ts";
import { tempDir, writeTree } from "../support/temp_dir.ts";
import { finish } from "./processes.ts";

const RUN = ["--run-id", "7", "--platform", "linux", "--bucket", "suite"];

/** A user without keys and without files of AWS, but for those that a test makes. */
const nobody = (dir: string) => ({
  AWS_ACCESS_KEY_ID: "",
  AWS_SECRET_ACCESS_KEY: "",
  AWS_SESSION_TOKEN: "",
  AWS_PROFILE: "",
  AWS_CONFIG_FILE: `${dir}/config`,
  AWS_SHARED_CREDENTIALS_FILE: `${dir}/credentials`,
  AWS_EC2_METADATA_DISABLED: "true",
  XDG_STATE_HOME: `${dir}/state`,
});

type Env = Readonly<Record<string, string>>;

/** A title, how their keys begin, the environment, and what `doctor` calls them. */
type Source = readonly [string, string, (url: string, dir: string) => Env, name?: RegExp];

const SOURCES: readonly Source[] = [
  ["web identity", "STS", (url, dir) => ({
    AWS_ROLE_ARN: SHOWN.roleArn,
    AWS_WEB_IDENTITY_TOKEN_FILE: `${dir}/token`,
    AWS_ENDPOINT_URL_STS: url,
  }), /of a role with a web identity \(\$AWS_ROLE_ARN\), valid for \d+ minutes$/],
  ["a container's endpoint", "CONTAINER", (url) => ({
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/container`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN: SHOWN.containerToken,
  }), /of a container's endpoint, valid for \d+ minutes$/],
  ["a container's endpoint, token in a file", "CONTAINER", (url, dir) => ({
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${url}/container`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: `${dir}/container-token`,
  })],
  ["instance metadata", "INSTANCE", (url) => ({
    AWS_EC2_METADATA_DISABLED: "",
    AWS_EC2_METADATA_SERVICE_ENDPOINT: url,
  }), /of the instance's metadata service, valid for \d+ minutes$/],
];

for (const [title, from, envOf, name] of SOURCES) {
  for (const refuse of [false, true]) {
    const outcome = refuse ? "refused, one line and exit 4" : "they sign uploads and lists";
    Deno.test(`credentials of ${title}: ${outcome}`, async () => {
      await using s3 = await startS3Server();
      await using source = startCredentialServer({ refuse });
      await using dir = await tempDir();
      await writeTree(dir.path, {
        "a.log": "log\n",
        token: SHOWN.webIdentityToken,
        "container-token": SHOWN.containerToken,
      });
      const env = {
        ...nobody(dir.path),
        AWS_ENDPOINT_URL_S3: s3.url,
        ...envOf(source.url, dir.path),
      };
      const upload = ["upload", "files", `${dir.path}/a.log`, "--to", "logs", ...RUN];
      const uploaded = await finish(upload, env);
      if (refuse) {
        assert.match(uploaded.stderr, /^error: Cannot [^\n]*credentials[^\n]*\n$/);
        assert.equal(uploaded.code, 4, uploaded.stderr);
        assert.deepEqual(s3.requests, []);
        return;
      }
      assert.equal(uploaded.stderr, "");
      assert.equal(uploaded.code, 0);
      const listed = await finish(["list", ...RUN], env);
      assert.equal(listed.stderr, "");
      assert.equal(listed.code, 0);
      assert.deepEqual(source.given, [`${from}1`, `${from}2`], "one for each process");
      assert.deepEqual([...new Set(s3.signers)], source.given);
      if (name === undefined) return;
      const { stdout } = await finish(["doctor", "--bucket", "suite", "--json"], env);
      const { checks } = JSON.parse(stdout) as { checks: { check: string; message: string }[] };
      assert.match(checks.find(({ check }) => check === "credentials")!.message, name);
    });
  }
}

const PROFILES: readonly (readonly [string, string, Env, readonly string[]])[] = [
  [
    "a program to ask, which can't be started",
    "[default]\ncredential_process = /bin/echo {}\n",
    {},
    ["credential_process", "may not start programs"],
  ],
  [
    "a program, by name",
    "[profile tool]\ncredential_process = /bin/echo {}\n",
    { AWS_PROFILE: "tool" },
    ["credential_process", "may not start programs"],
  ],
  [
    "an SSO session that nobody has signed in to",
    "[profile sso]\nsso_session = run-outputs-test\nsso_account_id = 1\nsso_role_name = r\n" +
    "[sso-session run-outputs-test]\nsso_region = us-east-2\n" +
    "sso_start_url = https://nowhere.invalid/start\n",
    { AWS_PROFILE: "sso" },
    ["SSO", "aws sso login"],
  ],
  [
    "a role without a source",
    "[default]\nrole_arn = arn:aws:iam::123456789012:role/test\nsource_profile = other\n",
    {},
    ["role_arn gave no credentials"],
  ],
  [
    "a service that can't be reached",
    "",
    {
      AWS_ROLE_ARN: SHOWN.roleArn,
      AWS_WEB_IDENTITY_TOKEN_FILE: "DIR/token",
      AWS_ENDPOINT_URL_STS: "http://127.0.0.1:PORT",
      AWS_MAX_ATTEMPTS: "1",
    },
    ["from 'http://127.0.0.1:", "refused"],
  ],
  [
    "a token file that is not there",
    "",
    { AWS_ROLE_ARN: SHOWN.roleArn, AWS_WEB_IDENTITY_TOKEN_FILE: "DIR/nothing" },
    ["nothing"],
  ],
];

for (const [title, config, more, texts] of PROFILES) {
  const code = title.includes("reached") ? 5 : 4;
  Deno.test(`credentials of ${title}: one line, exit ${code}, nothing unsigned`, async () => {
    await using s3 = await startS3Server();
    await using dir = await tempDir();
    await writeTree(dir.path, { config, credentials: "", token: SHOWN.webIdentityToken });
    const env = Object.fromEntries(
      Object.entries({ ...nobody(dir.path), AWS_ENDPOINT_URL_S3: s3.url, ...more })
        .map((
          [name, value],
        ) => [name, value.replace("DIR", dir.path).replace("PORT", closedPort())]),
    );
    const ran = await finish(["list", ...RUN], env);
    assert.match(ran.stderr, /^error: Cannot get credentials[^\n]*\n$/);
    for (const text of texts) assert(ran.stderr.includes(text), ran.stderr);
    assert.equal(ran.code, code, ran.stderr);
    assert.deepEqual(s3.requests, []);
  });
}

Deno.test("credentials: a profile beside keys in the environment is used without a word", async () => {
  await using s3 = await startS3Server();
  await using dir = await tempDir();
  await writeTree(dir.path, {
    credentials: "[mine]\naws_access_key_id = MINE\naws_secret_access_key = secret\n",
  });
  const env = {
    ...nobody(dir.path),
    AWS_ENDPOINT_URL_S3: s3.url,
    AWS_ACCESS_KEY_ID: "ENVIRONMENT",
    AWS_SECRET_ACCESS_KEY: "secret",
    AWS_PROFILE: "mine",
  };
  const { stderr } = await finish(["list", ...RUN], env);
  assert.match(stderr, /^error: No outputs[^\n]*\n$/);
  assert.deepEqual([...new Set(s3.signers)], ["MINE"]);
});

/** A port on loopback at which nobody answers. */
function closedPort(): string {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `${listener.addr.port}`;
}
