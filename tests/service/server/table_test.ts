/** The table of routes: what is made of it, and that nothing is missing in it. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { createProgram } from "../../../src/cli/program.ts";
import { RUNS_OPERATIONS } from "../../../src/operations/retained/operations.ts";
import { openApi } from "../../../src/service/server/openapi.ts";
import { findRoute } from "../../../src/service/server/router.ts";
import { ROUTES } from "../../../src/service/server/routes.ts";
import { FakeIo } from "../../support/fake_io.ts";
import { ROOT } from "../../support/import_graph.ts";
import { serveRuns } from "../../support/service.ts";

Deno.test("routes: each runs command has its route, and each route's command exists", async () => {
  const program = await createProgram({
    io: new FakeIo(),
    setExitCode: () => {},
    interruption: () => new AbortController().signal,
  }, ["runs"]);
  const [runs] = program.commands;
  const commands = runs.commands.map((command) => `runs ${command.name()}`)
    // Deleting runs is not offered over HTTP.
    .filter((command) => command !== "runs prune");
  const routed = ROUTES.flatMap(({ command }) => command === undefined ? [] : [command]);
  assert.deepEqual(routed.sort(), commands.sort());
});

Deno.test("routes: each operation has a route with its parameters and its answer", () => {
  for (const [name, operation] of Object.entries(RUNS_OPERATIONS)) {
    const method = { pin: "PUT", unpin: "DELETE" }[name] ?? "GET";
    const routes = ROUTES.filter((route) =>
      route.answer === operation.answer && route.method === method
    );
    const given = routes.flatMap(({ params, body }) =>
      Object.keys({ ...params?.shape, ...body?.shape })
    );
    for (const param of Object.keys(operation.params.shape)) {
      assert(given.includes(param), `${name}: ${param}`);
    }
    for (const { needs } of routes) assert.equal(needs !== undefined, operation.writes, name);
  }
});

/** The rows of a table in Markdown whose first cell is a method. */
const ROWS = /(?:^\| (?:GET|PUT|POST|DELETE) .*\|\n)+/m;

Deno.test("routes: docs/service.md shows the table", async () => {
  const path = join(ROOT, "docs/service.md");
  const docs = await Deno.readTextFile(path);
  const code = (text: string | undefined) => text === undefined ? "" : `\`${text}\``;
  const rows = ROUTES.map(({ method, path, summary, command, isOpen, needs }) => [
    method,
    code(path),
    summary,
    code(command),
    isOpen ? "no token" : needs === "allowPin" ? "`--allow-pin`" : needs ? "`--allow-mirror`" : "",
  ]);
  if (Deno.env.get("UPDATE_GOLDEN") === "1") {
    const text = rows.map((row) => `| ${row.join(" | ")} |\n`).join("");
    await Deno.writeTextFile(path, docs.replace(ROWS, () => text));
    return;
  }
  const shown = ROWS.exec(docs)![0].trimEnd().split("\n").map((row) =>
    row.slice(1, -1).split("|").map((cell) => cell.trim())
  );
  const advice = "'deno task update:golden', then 'deno task fmt', updates the table";
  assert.deepEqual(shown, rows, advice);
});

Deno.test("/openapi.json: every route, with resolvable references and unique names", async () => {
  await using service = await serveRuns({});
  const document = JSON.parse((await service.ask("/openapi.json")).text);
  assert.deepEqual(
    document,
    JSON.parse(JSON.stringify(
      openApi(ROUTES, { tool: "run-outputs/test", server: "." }),
    )),
  );
  assert.equal(document.openapi, "3.1.0");
  const operations = Object.values<Record<string, { operationId: string; parameters: object[] }>>(
    document.paths,
  ).flatMap((methods) => Object.values(methods));
  assert.equal(operations.length, ROUTES.length);
  assert.equal(new Set(operations.map(({ operationId }) => operationId)).size, ROUTES.length);
  for (
    const [path, methods] of Object.entries<Record<string, { parameters: Json[] }>>(document.paths)
  ) {
    for (const { parameters } of Object.values(methods)) {
      const named = parameters.filter((one) => one.in === "path").map(({ name }) => name);
      assert.deepEqual(
        named.sort(),
        [...path.matchAll(/\{(\w+)\}/g)].map(([, n]) => n).sort(),
        path,
      );
    }
  }
  const [limit] = document.paths["/retained-runs"].get.parameters
    .filter(({ name }: Json) => name === "limit");
  assert.deepEqual(limit, {
    name: "limit",
    in: "query",
    required: false,
    schema: { default: 50, type: "integer", minimum: 1, maximum: 1000 },
  });
  const job = document.paths["/runs/{job}"].get;
  assert.deepEqual(
    job.parameters.map((one: Json) => [one.in, one.name, one.required]),
    [["path", "job", true], ["header", "Prefer", false]],
  );
  assert.deepEqual(Object.keys(job.responses[200].headers), ["Preference-Applied"]);
  const text = JSON.stringify(document);
  for (const [, path] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    assert(path.split("/").reduce((at, name) => at?.[name], document), path);
  }
});

// deno-lint-ignore no-explicit-any -- a test asserts on what it expects
type Json = any;

Deno.test("findRoute(): the first that fits, a rest of one or more segments, final slashes", () => {
  const find = (method: string, path: string) => {
    const names = path.slice(1).split("/");
    const isDirectory = names.at(-1) === "";
    if (isDirectory) names.pop();
    const { match, allow } = findRoute(ROUTES, method, names, isDirectory);
    return match === undefined ? allow.join() : [match.route.path, match.params];
  };
  assert.deepEqual(find("GET", "/"), ["/", {}]);
  assert.deepEqual(find("GET", "/retained-runs"), ["/retained-runs", {}]);
  assert.deepEqual(find("GET", "/retained-runs/latest"), ["/retained-runs/latest", {}]);
  assert.deepEqual(find("HEAD", "/retained-runs/1"), ["/retained-runs/{run}", { run: "1" }]);
  assert.deepEqual(find("GET", "/retained-runs/1/files/a/b"), [
    "/retained-runs/{run}/files/{path*}",
    { run: "1", path: "a/b" },
  ]);
  assert.deepEqual(find("GET", "/retained-runs/1/files/"), [
    "/retained-runs/{run}/files/{path*}",
    { run: "1", path: "" },
  ]);
  assert.deepEqual(find("GET", "/retained-runs/1/files"), [
    "/retained-runs/{run}/files",
    { run: "1" },
  ]);
  assert.equal(find("GET", "/retained-runs/"), "");
  assert.equal(find("POST", "/retained-runs"), "GET,HEAD");
  assert.equal(find("GET", "/retained-runs/1/pins/a"), "PUT,DELETE");
});
