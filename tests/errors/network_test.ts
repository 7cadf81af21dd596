import assert from "node:assert/strict";
import { networkReason, shorten } from "../../src/errors/network.ts";

const SENDING = "error sending request for url (https://lab.example/suite?prefix=1): ";

for (
  const [text, reason] of [
    [
      `${SENDING}client error (Connect): dns error: failed to lookup address information: Name or ` +
      "service not known",
      "host not found",
    ],
    [
      `${SENDING}client error (Connect): dns error: No such host is known. (os error 11001)`,
      "host not found",
    ],
    [
      `${SENDING}client error (Connect): tcp connect error: Connection refused (os error 111)`,
      "connection refused",
    ],
    [
      `${SENDING}client error (Connect): tcp connect error: No connection could be made because ` +
      "the target machine actively refused it. (os error 10061)",
      "connection refused",
    ],
    [
      `${SENDING}client error (Connect): tcp connect error: Network is unreachable (os error 101)`,
      "network unreachable",
    ],
    [
      `${SENDING}client error (Connect): received corrupt message of type InvalidContentType`,
      "the server does not speak TLS",
    ],
    [
      `${SENDING}client error (Connect): invalid peer certificate: UnknownIssuer`,
      "invalid peer certificate: UnknownIssuer",
    ],
    [
      `${SENDING}client error (SendRequest): connection error: Connection reset by peer (os error 104)`,
      "connection reset",
    ],
    ["Fetch failed: Requests to port 1 are blocked", "Requests to port 1 are blocked"],
    ["something new at https://lab.example/a?b", "something new at …"],
  ]
) {
  Deno.test(`networkReason(): ${reason}: ${text.slice(SENDING.length, 130)}`, () => {
    assert.equal(networkReason(new Error(text)), reason);
    assert.equal(networkReason(new TypeError("fetch failed", { cause: new Error(text) })), reason);
  });
}

Deno.test("networkReason(): what Deno throws, in this version", async () => {
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    () => new Response(),
  );
  const host = `127.0.0.1:${server.addr.port}`;
  const reasonOf = async (url: string) => networkReason(await fetch(url).catch((error) => error));
  assert.equal(await reasonOf(`https://${host}/`), "the server does not speak TLS");
  await server.shutdown();
  assert.equal(await reasonOf(`http://${host}/`), "connection refused");
  assert.equal(await reasonOf("http://nowhere.invalid/"), "host not found");
});

Deno.test("shorten(): one line, cut between words", () => {
  assert.equal(shorten("a\n  b", 10), "a b");
  assert.equal(shorten("some words here", 12), "some words…");
  assert.equal(shorten("x".repeat(20), 10), `${"x".repeat(9)}…`);
});
