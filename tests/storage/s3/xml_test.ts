/** The documents of S3's requests and responses. */

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { textElement, xmlBody, XmlElement } from "../../../src/storage/s3/xml.ts";

Deno.test("XmlElement: children by name, texts with entities, dates", () => {
  const root = XmlElement.parse(
    '<?xml version="1.0"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">\n' +
      "  <Contents><Key>a&amp;b&#x1;</Key><Size/></Contents><Contents><Key>c</Key></Contents>\n" +
      "  <Date>2026-01-02T03:04:05.678Z</Date></ListBucketResult>",
  );
  assert.deepEqual(root.all("Contents").map((one) => one.text("Key")), ["a&b\u0001", "c"]);
  assert.equal(root.all("Contents")[0].text("Size"), "");
  assert.equal(root.all("Contents")[1].text("Size"), undefined);
  assert.deepEqual(root.date("Date"), new Date("2026-01-02T03:04:05.678Z"));
  assert.equal(root.date("Other"), undefined);
});

Deno.test("textElement: what it writes is read back, line ends too", () => {
  const key = `r/a&b <c> "d" 'e' &amp; \t\r\n\x85\u2028 ü 😀`;
  const element = textElement("Key", key);
  assert(!/[\r\n"]/.test(element), element);
  assert.equal(XmlElement.parse(`<Object>${element}</Object>`).text("Key"), key);
});

Deno.test("xmlBody: the hash is that of the bytes", () => {
  const { body, payloadSha256, headers } = xmlBody("<A>ü</A>", { "if-match": '"e"' });
  assert.equal(new TextDecoder().decode(body), "<A>ü</A>");
  assert.equal(
    payloadSha256,
    createHash("sha256").update(body!).digest("hex"),
  );
  assert.deepEqual(headers, { "content-type": "application/xml", "if-match": '"e"' });
});

Deno.test("XmlElement: names of object members are names like others", () => {
  const root = XmlElement.parse("<Result><__proto__>a</__proto__><Key>b</Key></Result>");
  assert.equal(root.text("Key"), "b");
  assert.deepEqual(root.all("toString"), []);
  assert.equal(root.text("constructor"), undefined);
});

Deno.test("XmlElement: a document without elements has no children", () => {
  for (const text of ["<Result/>", "<Result></Result>", "<Result>a</Result>"]) {
    assert.deepEqual(XmlElement.parse(text).all("Contents"), []);
  }
});

Deno.test("XmlElement: what can't be read is a failure of the server", () => {
  const failed = { name: "S3Failure", message: "XML that can't be read" };
  const deep = "<a>".repeat(100_000);
  for (const text of ["", "<a>", "<a></b>", "a", `<a>${deep}`]) {
    assert.throws(() => XmlElement.parse(text), failed, text.slice(0, 10));
  }
  const root = XmlElement.parse("<R><A><B/></A><C>1</C><C>2</C><D>2026-13-01T00:00:00Z</D></R>");
  assert.throws(() => root.text("A"), failed);
  assert.throws(() => root.text("C"), failed);
  assert.throws(() => root.date("D"), failed);
});
