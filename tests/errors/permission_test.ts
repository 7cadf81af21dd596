import assert from "node:assert/strict";
import { missingPermission } from "../../src/errors/permission.ts";

/** What Deno throws here, in this version, without a permission. */
function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

for (
  const [name, call, expected] of [
    ["read", () => Deno.readFileSync("x"), 'read "x"'],
    ["write", () => Deno.writeTextFileSync("x", ""), 'write "x"'],
    ["env", () => Deno.env.get("X"), 'read the environment variable "X"'],
    ["all of env", () => Deno.env.toObject(), "read the environment"],
    ["sys", () => Deno.osRelease(), 'read system information "osRelease"'],
  ] as const
) {
  Deno.test(`missingPermission(): ${name}`, { permissions: "none" }, () => {
    const reason = `the permission to ${expected} is missing (Deno's sandbox)`;
    const error = thrownBy(call);
    assert.equal(missingPermission(error), reason);
    assert.equal(missingPermission(new Error("fetch failed", { cause: error })), reason);
  });
}

Deno.test("missingPermission(): what Deno opens for programs with all permissions alone", {
  permissions: { read: true },
  ignore: Deno.build.os !== "linux",
}, () => {
  assert.equal(
    missingPermission(thrownBy(() => Deno.readFileSync("/dev/shm/x"))),
    "Deno opens files in /dev, /proc and /sys only with all permissions: use " +
      "another directory, or 'deno run -A'",
  );
});

Deno.test("missingPermission(): sources that the program may not read", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-q", "--no-prompt", "--allow-env", "cli.ts", "list"],
    cwd: new URL("../../", import.meta.url),
    stdin: "null",
  }).output();
  assert.match(
    new TextDecoder().decode(stderr),
    /^error: Cannot run the command: the permission to read "[^"\n]*program\.ts" is missing \(Deno's sandbox\)\n$/,
  );
  assert.equal(code, 4);
});

Deno.test("missingPermission(): net", { permissions: "none" }, async () => {
  const error = await fetch("http://127.0.0.1:8099/").catch((error) => error);
  assert.equal(
    missingPermission(error),
    'the permission to connect to "127.0.0.1:8099" is missing (Deno\'s sandbox)',
  );
});

Deno.test("missingPermission(): undefined for other errors, and a short reason for unknown texts", () => {
  assert.equal(missingPermission(new Error("Requires read access")), undefined);
  assert.equal(missingPermission(undefined), undefined);
  assert.equal(
    missingPermission(new Deno.errors.NotCapable("who knows, run again with --allow-all")),
    "Deno's sandbox denied access",
  );
});
