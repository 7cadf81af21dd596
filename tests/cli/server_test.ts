/** `--server`: the commands that read, with the runs of a service. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { z } from "zod";
import schema from "../../docs/doctor.schema.json" with { type: "json" };
import { createService } from "../../src/service/server/service.ts";
import { LocalBackend } from "../../src/storage/local/local.ts";
import { makeBuildTree } from "../support/build_tree.ts";
import { type Json, refused, run, runJson, runs } from "../support/command_line.ts";
import { startGithub } from "../support/github_server.ts";
import { s3Env } from "../support/s3_subject.ts";
import { startS3Server } from "../support/s3_server.ts";
import { readTree, tempDir } from "../support/temp_dir.ts";

const ID = ["--run-id", "7", "--platform", "linux"];
const TOKEN = "0123456789abcdef0123456789abcdef";

/** A service of a directory: with the runs 7 and 8, or (with a token, for one) without runs. */
async function world(token?: string, hasRuns = token === undefined) {
  const dir = await tempDir();
  const staging = join(dir.path, "staging");
  const buildDir = join(dir.path, "build");
  await Deno.mkdir(staging);
  if (hasRuns) await makeBuildTree({ buildDir, packed: true });
  for (const id of hasRuns ? ["7", "8"] : []) {
    const run = ["--run-id", id, "--platform", "linux", "--artifact-group", "g"];
    await runs(0, ["upload", "build", "--build-dir", buildDir, "--output-dir", staging, ...run]);
  }
  const service = createService({
    backend: new LocalBackend(staging),
    bucket: "local",
    dir: staging,
    tool: "run-outputs/0.0.0",
    hosts: { address: "127.0.0.1", names: [] },
    token,
  });
  const requests: string[] = [];
  const server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    (request, { remoteAddr, completed }) => {
      requests.push(`${request.method} ${request.url.replace(/^http:\/\/[^/]*/, "")}`);
      return service(request, { peer: remoteAddr.hostname, completed });
    },
  );
  return {
    path: dir.path,
    staging,
    requests,
    url: `http://127.0.0.1:${server.addr.port}`,
    async [Symbol.asyncDispose]() {
      await server.shutdown();
      await dir[Symbol.asyncDispose]();
    },
  };
}

/** A document without what depends on the kind of storage. */
function withoutPlaces(value: Json): Json {
  return JSON.parse(JSON.stringify(value, (name, member) => {
    if (/^(?:local_path|https_url|s3_uri|staging_dir|bucket|etag|modified)$/.test(name)) {
      return undefined;
    }
    return member;
  }));
}

Deno.test("--server: reads what --staging-dir reads", async (t) => {
  await using w = await world();
  const from = ["--server", w.url];
  const here = ["--staging-dir", w.staging];
  const commands = [
    ["list", ...ID],
    ["verify", ...ID],
    ["diff", "7", "8", "--platform", "linux"],
    ["runs", "list"],
    ["runs", "latest"],
    ["runs", "show", "7"],
    ["runs", "reports", "8-linux"],
    ["runs", "manifest", "7"],
  ];
  for (const command of commands) {
    await t.step(command.join(" "), async () => {
      const [there, local] = [
        await runJson(0, [...command, ...from]),
        await runJson(0, [...command, ...here]),
      ];
      assert.deepEqual(withoutPlaces(there), withoutPlaces(local));
    });
  }

  await t.step("fetch", async () => {
    const trees = [];
    for (const [i, place] of [from, here].entries()) {
      const out = join(w.path, `out${i}`);
      await runs(0, ["fetch", ...ID, ...place, "--output-dir", out]);
      trees.push(await readTree(out));
    }
    assert.deepEqual(trees[0], trees[1]);
  });

  await t.step("copy, export", async () => {
    const mirror = join(w.path, "mirror");
    await runs(0, ["copy", ...ID, ...from, "--to-staging", mirror]);
    assert.match((await runs(0, ["verify", ...ID, "--staging-dir", mirror])).out, /OK/);
    await runs(0, ["export", join(w.path, "runs.tar"), "7", "--platform", "linux", ...from]);
  });

  await t.step("copy to S3: what can't be written there is not the service's", async () => {
    const to = ["--source-run-id", "7", "--run-id", "77", "--platform", "linux"];
    await refused(["copy", ...to, ...from], ["s3://therock-ci-artifacts/77-linux"], { code: 4 });
  });

  await t.step("an address in a message is one of the service", async () => {
    const { out, err } = await runs(3, ["list", "--run-id", "9", "--platform", "linux", ...from]);
    assert.match(out + err, new RegExp(`${w.url}/retained-runs/9-linux`));
    assert.doesNotMatch(out + err, /s3:\/\//);
  });
});

Deno.test("--server: a token from a file or the environment; without one, exit code 4", async () => {
  await using w = await world(TOKEN);
  const file = join(w.path, "token");
  await Deno.writeTextFile(file, `${TOKEN}\n`);
  const list = ["runs", "list", "--server", w.url];
  await runs(0, [...list, "--server-token-file", file]);
  await runs(0, list, { RUN_OUTPUTS_SERVER_TOKEN: TOKEN });
  await refused(list, [w.url, "needs a token"], { code: 4 });
  await refused(list, ["does not accept"], {
    code: 4,
    env: { RUN_OUTPUTS_SERVER_TOKEN: "f".repeat(32) },
  });
  assert(!w.requests.some((request) => request.includes(TOKEN)));
  await refused([...list, "--server-token-file", join(w.path, "none")], ["none"]);
});

Deno.test("--server: where no service is, the message says so", async () => {
  await using w = await world(undefined, false);
  await using bare = serving(() => new Response("<p>not here</p>", { status: 404 }));
  for (const url of [`${w.url}/ci`, bare.url]) {
    const expected = [`No run-outputs service at ${url}`, "check --server, and its base path"];
    await refused(["runs", "list", "--server", url], expected, { code: 3 });
    await refused(["list", ...ID, "--server", url], expected, { code: 3 });
  }
});

Deno.test("--server: a redirect is named, with the URL to use", async () => {
  const to = (location: (path: string) => string, status = 302) =>
    serving(({ url }) => {
      const headers = { location: location(url.replace(/^http:\/\/[^/]*/, "")) };
      return new Response(null, { status, headers });
    });
  const isAt = (at: string) => `redirects to ${at}: use that URL`;
  const cases = [
    [(path: string) => `https://lab.example${path}`, isAt("https://lab.example/")],
    [(path: string) => `/ci${path}`, "/ci/: use that URL"],
    [() => "https://u:secret@sso.example/login?next=secret", isAt("https://sso.example/login")],
    [() => "http://[", "redirects elsewhere: check --server"],
  ] as const;
  for (const [i, [location, expected]] of cases.entries()) {
    await using server = to(location, [301, 302, 307, 308][i]);
    const texts = [`The service at ${server.url} `, expected];
    for (const command of [["runs", "list"], ["list", ...ID], ["verify", ...ID]]) {
      await refused([...command, "--server", server.url], texts, { code: 3 });
    }
    const { checks } = await runJson(3, ["doctor", "--server", server.url], { HOME: "/nope" });
    const { message } = checks.find(({ check }: Json) => check === "service");
    assert(message.includes(texts[0]) && !message.includes("secret"), message);
  }
});

/** A server that answers every request alike. */
function serving(answer: (request: Request) => Response) {
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, answer);
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

Deno.test("doctor --server: checks the service, its token and its runs, and not S3", async () => {
  await using github = startGithub();
  await using s3 = await startS3Server();
  await using w = await world(TOKEN);
  await using bare = serving(() => new Response("ok"));
  const file = join(w.path, "token");
  await Deno.writeTextFile(file, `${TOKEN}\n`);
  const doctor = async (code: number, url: string, more: readonly string[] = []) => {
    const env = { ...s3Env(s3.url), HOME: w.path, GITHUB_API_URL: github.url };
    const document = await runJson(code, ["doctor", "--server", url, ...more], env);
    z.fromJSONSchema(schema as Parameters<typeof z.fromJSONSchema>[0]).parse(document);
    assert(!JSON.stringify(document).includes(TOKEN));
    const all = document.checks as Json[];
    const found = all.filter(({ check }) => /^(?:service|token|runs)$/.test(check));
    return {
      names: all.map(({ check }) => check),
      found: found.map(({ status }) => status),
      text: found.map(({ message, advice }) => `${message}; ${advice}`).join("\n"),
    };
  };
  const good = await doctor(0, w.url, ["--server-token-file", file]);
  assert.deepEqual(good.found, ["ok", "ok", "ok"], good.text);
  assert.deepEqual(
    good.names,
    ["program", "permissions", "service", "token", "runs", "github", "cache", "state", "disk"],
  );
  assert.match(good.text, /can be listed: it has no runs yet/);
  const anonymous = await doctor(4, w.url);
  assert.deepEqual(anonymous.found, ["ok", "error", "warning"]);
  assert.match(anonymous.text, /it needs a token/);
  const missing = await doctor(2, w.url, ["--server-token-file", join(w.path, "none")]);
  assert.deepEqual(missing.found, ["ok", "error", "error"], missing.text);
  for (const url of [`${w.url}/ci`, bare.url]) {
    const elsewhere = await doctor(3, url, ["--server-token-file", file]);
    assert.deepEqual(elsewhere.found, ["error", "warning", "warning"], elsewhere.text);
    assert.match(elsewhere.text, /^No run-outputs service at \S+: it answers \d+; check --server/);
  }
  const closed = serving(() => new Response());
  await closed[Symbol.asyncDispose]();
  const silent = await doctor(5, closed.url);
  assert.match(silent.text, /^Cannot connect to http:\S+: connection refused; check --server/);
  assert.deepEqual(s3.requests, []);
  const from = ["doctor", "--server", w.url];
  await refused([...from, "--staging-dir", "x"], ["--server with --staging-dir: choose one"]);
  await refused([...from, "--bucket", "lab-artifacts"], ["--server with --bucket: choose one"]);
  await refused([...from, "--write-test"], ["--write-test with --server"]);
  await refused(["doctor", "--server", "lab"], ["server", "lab", "http://lab:8080"]);
});

Deno.test("--server: messages name the page of the service, not a bucket", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const url = `http://127.0.0.1:${port}`;
  const { err } = await run(["list", ...ID, "--server", url], { AWS_MAX_ATTEMPTS: "1" });
  assert.match(err, new RegExp(`^error: Cannot list '${url}/retained-runs/[^']+': `, "m"));
  assert.match(err, /; check the network, --server and HTTPS_PROXY and try again$/m);
  assert.doesNotMatch(err, /s3:/);
});

Deno.test("--server: another place beside it, and changes, are usage errors", async () => {
  const from = ["--server", "http://127.0.0.1:9"];
  for (
    const more of [["--staging-dir", "x"], ["--bucket", "lab-artifacts"], ["--no-sign-request"]]
  ) {
    await refused(["list", ...ID, ...from, ...more], ["Cannot use --server with", more[0]]);
  }
  await refused(["verify", ...ID, ...from, "--remove-left"], ["--remove-left", "--server"]);
  for (const url of ["lab", "ftp://lab", "http://u:p@lab/", "http://lab/?x=1", ""]) {
    await refused(["runs", "list", "--server", url], ["server"]);
  }
});
