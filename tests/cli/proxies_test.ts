import assert from "node:assert/strict";
import { proxyChanges } from "../../src/cli/proxies.ts";

const changes = (variables: Record<string, string>) => proxyChanges((name) => variables[name]);

Deno.test("proxyChanges(): '*' disables all proxies", () => {
  for (const [name, value] of [["NO_PROXY", "*"], ["no_proxy", "a.example, *"]]) {
    const found = changes({ [name]: value, HTTPS_PROXY: "http://proxy" });
    assert.deepEqual(Object.keys(found).sort(), [
      "ALL_PROXY",
      "HTTPS_PROXY",
      "HTTP_PROXY",
      "all_proxy",
      "http_proxy",
      "https_proxy",
    ]);
    assert(Object.values(found).every((value) => value === undefined));
  }
});

Deno.test("proxyChanges(): ports are dropped, a wildcard is a domain, the rest stays", () => {
  const given = "a.example:8443 b.example,,*.c.example,.d.example,10.0.0.0/8,[::1]:9000,::1";
  const plain = "a.example,b.example,.c.example,.d.example,10.0.0.0/8,::1,::1";
  assert.deepEqual(changes({ NO_PROXY: given }), { NO_PROXY: plain, no_proxy: plain });
  assert.deepEqual(changes({ NO_PROXY: "", no_proxy: "a:1" }), { NO_PROXY: "a", no_proxy: "a" });
  assert.deepEqual(changes({}), {});
});
