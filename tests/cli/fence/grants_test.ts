import assert from "node:assert/strict";
import { isAbsolute } from "node:path";
import { z } from "zod";
import config from "../../../deno.json" with { type: "json" };
import schema from "../../../docs/permissions.schema.json" with { type: "json" };
import type { Context } from "../../../src/cli/context.ts";
import { grantLines, grantsOf, permissionsOf } from "../../../src/cli/fence/grants.ts";
import type { CommandLine, Profiles, Surroundings } from "../../../src/cli/fence/invocation.ts";
import { parseLine } from "../../../src/cli/program.ts";
import { type Json, runJson } from "../../support/command_line.ts";
import { sources } from "../../support/import_graph.ts";
import { FakeIo } from "../../support/fake_io.ts";

const DOC = new URL("../../../docs/permissions.md", import.meta.url);

interface Case {
  readonly text: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly profiles?: Profiles;
}

async function parsed(text: string): Promise<CommandLine> {
  const context: Context = {
    io: new FakeIo(),
    setExitCode() {},
    interruption: () => new AbortController().signal,
  };
  return await parseLine(text.split(" "), context);
}

function around({ env = {}, profiles = {} }: Omit<Case, "text">): Surroundings {
  const all: Readonly<Record<string, string>> = { HOME: "/home/me", ...env };
  return {
    env: (name) => all[name] || undefined,
    os: "linux",
    profiles,
    program: ["PROGRAM"],
    workDirs: [],
    mayRunGh: false,
  };
}

async function grantsFor({ text, ...rest }: Case) {
  const verdict = grantsOf(await parsed(text), around(rest));
  assert("grants" in verdict, text);
  return verdict.grants.filter(({ why }) => why !== "the program's own files");
}

/** The hosts that a command line may connect to. */
async function hosts(of: Case): Promise<string[]> {
  const { net } = permissionsOf(await grantsFor(of));
  return net === false ? [] : net as string[];
}

const KEYS = { AWS_ACCESS_KEY_ID: "AKIA", AWS_SECRET_ACCESS_KEY: "secret" };

/** Ten typical commands, for docs/permissions.md. */
const TYPICAL: readonly Case[] = [
  { text: "upload build --artifact-group gfx94X-dcgpu --build-dir build --run-id 1", env: KEYS },
  {
    text: "upload build --artifact-group gfx94X-dcgpu --build-dir build --output-dir staging",
    env: { GITHUB_RUN_ID: "1", GITHUB_STEP_SUMMARY: "/runner/summary" },
  },
  { text: "list --run-id 1 --no-sign-request" },
  { text: "list --staging-dir staging --run-id 1" },
  { text: "fetch --run-id 1 --output-dir rocm --no-sign-request" },
  { text: "fetch --latest --artifact-group gfx94X-dcgpu --output-dir rocm --no-sign-request" },
  { text: "fetch --run-id 1 --output-dir rocm --endpoint-url https://s3.lab:9000", env: KEYS },
  { text: "verify --staging-dir staging --run-id 1" },
  { text: "export run.tar 1 --staging-dir staging" },
  { text: "serve --staging-dir staging --port 8080" },
];

Deno.test("docs/permissions.md shows the grants of ten typical commands", async () => {
  const blocks: string[] = [];
  for (const of of TYPICAL) {
    const lines = grantLines(await grantsFor(of), 2);
    const env = Object.keys(of.env ?? {}).map((name) => `${name}=… `).join("");
    blocks.push(`\`\`\`text\n$ ${env}run-outputs ${of.text}\n${lines.join("\n")}\n\`\`\`\n`);
  }
  const [start, end] = ["<!-- begin: written by the test -->\n", "<!-- end -->\n"];
  const text = await Deno.readTextFile(DOC);
  const [before, rest] = text.split(start);
  const after = rest.split(end)[1];
  const expected = `${before}${start}\n${blocks.join("\n")}\n${end}${after}`;
  if (Deno.env.get("UPDATE_GOLDEN") === "1") return await Deno.writeTextFile(DOC, expected);
  assert.equal(text, expected, "'deno task update:golden' writes it anew, if this is right");
});

Deno.test("import: an export from standard input is kept in the temporary directory", async () => {
  const { read, write } = permissionsOf(
    await grantsFor({ text: "import - --output-dir s", env: { TMPDIR: "/scratch" } }),
  );
  assert.deepEqual(write, ["/scratch", "s"]);
  assert.deepEqual(read, write);
});

Deno.test("what a command reads without an option that names it", async () => {
  const cases = [
    ["status", ["."]],
    ["status a/b", ["a/b"]],
    ["fetch --list --staging-dir s --run-id 1", [".", "s"]],
    ["index a/1-linux", ["a", "a/1-linux"]],
  ] as const;
  for (const [text, expected] of cases) {
    const { read } = permissionsOf(
      (await grantsFor({ text })).filter(({ why }) => !why.startsWith("the cache")),
    );
    assert.deepEqual((read as string[]).toSorted(), expected, text);
  }
});

Deno.test("stale-uploads: locks and deletes the journals of uploads", async () => {
  const { write } = permissionsOf(
    await grantsFor({ text: "stale-uploads --bucket b --no-sign-request" }),
  );
  assert.deepEqual(write, ["/home/me/.local/state/run-outputs"]);
});

Deno.test("hosts: none, if everything is on disk", async () => {
  const local = [
    "list --staging-dir s --run-id 1",
    "fetch --staging-dir s --run-id 1 --output-dir o",
    "upload files a --to b --output-dir s",
    "verify dir",
    "index dir",
    "copy --from-staging a --to-staging b --run-id 1",
    "import x.tar --output-dir s",
    "runs prune --staging-dir s --keep-last 3",
    "diff 1 2 --staging-dir s",
  ];
  for (const text of local) assert.deepEqual(await hosts({ text }), [], text);
  const env = { THEROCK_LOCAL_STAGING_DIR: "/staging" };
  assert.deepEqual(await hosts({ text: "list --run-id 1", env }), []);
});

Deno.test("hosts: one bucket by name, wherever Amazon says that it is", async () => {
  const found = await hosts({ text: "list --bucket my-bucket --run-id 1 --no-sign-request" });
  assert(found.includes("my-bucket.s3.us-east-2.amazonaws.com:443"));
  assert(found.includes("my-bucket.s3.eu-west-1.amazonaws.com:443"));
  assert(found.every((host) => host.startsWith("my-bucket.s3.")), found.join(" "));
});

Deno.test("hosts: a service alone", async () => {
  const text = "list --server http://lab:8080/ci --run-id 1";
  assert.deepEqual(await hosts({ text, env: KEYS }), ["lab:8080"]);
});

Deno.test("hosts: GitHub only for a search", async () => {
  const at = "--run-id 1 --output-dir o --no-sign-request --endpoint-url http://s3:1";
  assert.deepEqual(await hosts({ text: `fetch ${at}` }), ["s3:1"]);
  const search =
    "fetch --commit abcdef12 --output-dir o --no-sign-request --endpoint-url http://s3:1";
  assert.deepEqual(await hosts({ text: search }), ["s3:1", "api.github.com:443"]);
  const env = { GITHUB_API_URL: "https://github.example/api/v3" };
  assert.deepEqual(await hosts({ text: search, env }), ["s3:1", "github.example:443"]);
});

Deno.test("hosts: the sources of credentials that the configuration makes possible", async () => {
  const list = "list --run-id 1 --endpoint-url http://s3:1";
  const cases: readonly (readonly [Omit<Case, "text">, readonly string[], string?])[] = [
    [{ env: KEYS }, []],
    [{}, ["169.254.169.254:80"]],
    [{ env: { AWS_EC2_METADATA_DISABLED: "true" } }, []],
    [{ env: { AWS_EC2_METADATA_SERVICE_ENDPOINT: "http://[::1]:1338" } }, ["[::1]:1338"]],
    [{ env: { AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE: "IPv6" } }, ["[fd00:ec2::254]:80"]],
    [{ env: { AWS_CONTAINER_CREDENTIALS_RELATIVE_URI: "/x" } }, ["169.254.170.2:80"]],
    [{ env: { AWS_CONTAINER_CREDENTIALS_FULL_URI: "http://127.0.0.1:99/x" } }, ["127.0.0.1:99"]],
    [{ profiles: { default: { aws_access_key_id: "a" } } }, []],
    [{ env: KEYS, profiles: { p: { aws_access_key_id: "a" } } }, [], " --profile p"],
    [
      { profiles: { p: { sso_session: "s" }, "sso-session.s": { sso_region: "eu-west-1" } } },
      [
        "portal.sso.eu-west-1.amazonaws.com:443",
        "oidc.eu-west-1.amazonaws.com:443",
        "169.254.169.254:80",
      ],
      " --profile p",
    ],
    [{ env: KEYS }, [], " --no-sign-request"],
  ];
  for (const [of, expected, more = ""] of cases) {
    const found = await hosts({ text: list + more, ...of });
    assert.deepEqual(found, ["s3:1", ...expected], JSON.stringify(of));
  }
});

Deno.test("hosts: a role takes temporary keys from STS in its regions", async () => {
  const found = await hosts({
    text: "list --run-id 1 --endpoint-url http://s3:1 --profile p",
    env: { AWS_ENDPOINT_URL_STS: "http://127.0.0.1:7" },
    profiles: {
      p: { role_arn: "arn", source_profile: "base", region: "eu-west-1" },
      base: { aws_access_key_id: "a", aws_secret_access_key: "b" },
    },
  });
  for (const host of ["127.0.0.1:7", "sts.eu-west-1.amazonaws.com:443"]) {
    assert(found.includes(host), found.join(" "));
  }
  assert(!found.includes("169.254.169.254:80"), "the role's keys are in the configuration");
});

Deno.test("hosts: the endpoint of the profile, unless it is ignored", async () => {
  const text = "list --run-id 1 --no-sign-request";
  const profiles = {
    default: { services: "lab" },
    "services.lab": { "s3.endpoint_url": "http://lab:9000" },
  };
  assert.deepEqual(await hosts({ text, profiles }), ["lab:9000"]);
  const env = { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: "true" };
  const found = await hosts({ text, profiles, env });
  assert(found.includes("therock-ci-artifacts.s3.us-east-2.amazonaws.com:443"));
});

Deno.test("hosts: a service listens on its address and mirrors from its sources", async () => {
  const serve = "serve --staging-dir s --host ::1 --port 0 --token-file t --allow-mirror " +
    "--mirror-source a=http://other:1 --no-sign-request";
  assert.deepEqual(await hosts({ text: serve }), ["[::1]", "other:1"]);
  assert.deepEqual(await hosts({ text: "serve --staging-dir s --socket /x.sock" }), [
    "unix:/x.sock",
  ]);
});

Deno.test("doctor --permissions --json: the document has its schema", async () => {
  const parser = z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]);
  for (const text of [...TYPICAL.map(({ text }) => text), "import - --output-dir s", "path root"]) {
    const args = ["doctor", "--json", "--permissions", ...text.split(" ")];
    const document = await runJson(0, args, KEYS);
    parser.parse(document);
    assert.equal(text.startsWith(document.command as string), true, text);
    assert.equal((document.grants as Json[]).length === 0, text === "path root", text);
    assert.equal(typeof document.reason, document.narrowed ? "undefined" : "string", text);
    for (const { permission, to } of document.grants as Json[]) {
      const isPath = permission === "read" || permission === "write";
      for (const one of to as string[]) assert(!isPath || isAbsolute(one), `${text}: ${one}`);
    }
  }
});

Deno.test("permissionsOf(): what is not granted is denied", async () => {
  assert.deepEqual(permissionsOf(await grantsFor({ text: "verify dir" })), {
    read: ["dir"],
    write: false,
    net: false,
    env: "inherit",
    sys: "inherit",
    run: false,
    ffi: false,
    import: false,
  });
});

Deno.test("deno.json: no program, no native code; the environment and the system by name", () => {
  const { env, sys, ...others } = config.permissions.default;
  assert.deepEqual(others, { read: true, write: true, net: true });
  assert(Array.isArray(env) && Array.isArray(sys));
  assert(env.includes("AWS_*") && !env.includes("*"));
});

Deno.test("deno.json: has each variable of the environment that the sources read", async () => {
  const names = config.permissions.default.env;
  const has = (name: string) =>
    names.some((one) => one.endsWith("*") ? name.startsWith(one.slice(0, -1)) : one === name);
  const missing = new Set<string>();
  let count = 0;
  for (const file of await sources("src")) {
    const text = await Deno.readTextFile(new URL(`../../../${file}`, import.meta.url));
    for (const [, name] of text.matchAll(/\benv(?:\.get)?\("(\w+)"\)/g)) {
      count++;
      if (!has(name)) missing.add(`${file}: ${name}`);
    }
  }
  assert(count > 50, "variables were found");
  assert.deepEqual([...missing], []);
});
