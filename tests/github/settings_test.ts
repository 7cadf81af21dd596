import assert from "node:assert/strict";
import { findToken, type FindTokenOptions } from "../../src/github/settings.ts";
import { rejectsWith } from "../support/errors.ts";

/** A world with variables, and a `gh` that prints a token. */
function world(
  variables: Readonly<Record<string, string>>,
  printed?: string,
): FindTokenOptions & { readonly ran: string[] } {
  const ran: string[] = [];
  return {
    ran,
    env: (name) => variables[name],
    run: (program, args) => {
      ran.push([program, ...args].join(" "));
      return Promise.resolve(printed);
    },
  };
}

Deno.test("findToken(): GH_TOKEN, then GITHUB_TOKEN, then gh, then none", async () => {
  const both = world({ GH_TOKEN: "first", GITHUB_TOKEN: "second" }, "third\n");
  assert.equal(await findToken(both), "first");
  assert.equal(await findToken(world({ GH_TOKEN: "", GITHUB_TOKEN: "second\n" })), "second");
  assert.deepEqual(both.ran, [], "gh is not run without need");
  const neither = world({ GH_TOKEN: " " }, "third\n");
  assert.equal(await findToken(neither), "third");
  assert.deepEqual(neither.ran, ["gh auth token --hostname github.com"]);
  assert.equal(await findToken(world({}, "\n")), undefined);
  assert.equal(await findToken(world({})), undefined);
});

Deno.test("findToken(): gh gets the host of the API", async () => {
  const other = world({ GITHUB_API_URL: "https://git.example.com/api/v3" }, "t");
  await findToken(other);
  assert.deepEqual(other.ran, ["gh auth token --hostname git.example.com"]);
});

Deno.test("findToken(): a variable with an invalid token is named, without its value", async () => {
  const error = await findToken(world({ GITHUB_TOKEN: "se cret" })).catch((error) => error);
  await rejectsWith(Promise.reject(error), "invalid", "$GITHUB_TOKEN");
  assert(!error.message.includes("cret"));
});

Deno.test({
  name: "findToken(): without permission to run programs nothing is run, without a prompt",
  permissions: { run: false },
  fn: async () => {
    assert.equal(await findToken({ env: () => undefined }), undefined);
  },
});

Deno.test("findToken(): if gh is missing or fails, there is no token", async () => {
  // Whatever this machine has: a variable of ours decides what it answers.
  const token = await findToken({ env: () => undefined, apiUrl: "http://no.such.host.invalid" });
  assert.equal(token, undefined);
});
