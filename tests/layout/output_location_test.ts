import { strict as assert } from "node:assert";
import { posix, win32 } from "node:path";
import fc from "fast-check";
import { OutputLocation, uriEncodeKey } from "../../src/layout/output_location.ts";
import { assertInvalid } from "./support.ts";

/** Segments with characters that mean something to URLs, shells, disks. */
const name = fc.string({
  unit: fc.oneof(
    fc.constantFrom(..."ab.%+ :?#&=~*'()!@[]\\|<>\"ü€"),
    fc.constant("😀"),
  ),
  minLength: 1,
  maxLength: 12,
}).filter((text) => text !== "." && text !== "..");
const key = fc.array(name, { minLength: 1, maxLength: 5 }).map((names) => names.join("/"));
const bucket = fc.stringMatching(/^[a-z0-9][a-z0-9-]{1,20}[a-z0-9]$/);

Deno.test("OutputLocation: an S3 URI reads back as the same location", () => {
  fc.assert(
    fc.property(bucket, fc.oneof(key, fc.constant("")), (bucket, key) => {
      const location = new OutputLocation(bucket, key);
      assert(OutputLocation.fromS3Uri(location.s3Uri).equals(location));
      assert(OutputLocation.fromS3Uri(`${location.s3Uri}/`).equals(location));
    }),
  );
});

Deno.test("OutputLocation.fromS3Uri(): rejects anything but an S3 URI", () => {
  for (
    const bad of [
      "",
      "s3:/a/b",
      "https://abc/d",
      "s3://",
      "s3://abc//",
      "s3://abc/a//",
      "s3://abc//a",
    ]
  ) {
    assertInvalid(() => OutputLocation.fromS3Uri(bad));
  }
});

Deno.test("OutputLocation.httpsUrl: decodes back to the key", () => {
  fc.assert(
    fc.property(key, (key) => {
      const url = new URL(new OutputLocation("therock-ci-artifacts", key).httpsUrl);
      assert.equal(url.hostname, "therock-ci-artifacts.s3.amazonaws.com");
      assert.equal(decodeURIComponent(url.pathname), `/${key}`);
      assert.equal(url.search + url.hash, "");
    }),
  );
});

Deno.test("uriEncodeKey(): leaves only unreserved characters and '/'", () => {
  fc.assert(
    fc.property(
      key,
      (key) => assert.match(uriEncodeKey(key), /^(?:[A-Za-z0-9._~/-]|%[0-9A-F]{2})*$/),
    ),
  );
  assert.equal(uriEncodeKey("a+b/ü!'()*"), "a%2Bb/%C3%BC%21%27%28%29%2A");
});

Deno.test("OutputLocation.localPath(): stays inside the staging directory", () => {
  const posixDirs = ["/", "/srv/x", "/srv/x/", "relative/dir", ".", "", "/srv/back\\"];
  const windowsDirs = [
    "C:\\",
    "C:\\x",
    "C:\\x\\",
    "C:/x/",
    "\\\\host\\share",
    "rel\\dir",
    ".",
    "",
  ];
  fc.assert(
    fc.property(
      key,
      fc.constantFrom(...posixDirs),
      fc.constantFrom(...windowsDirs),
      (key, p, w) => {
        const location = new OutputLocation("bucket", key);
        const onPosix = posix.relative(p, location.localPath(p, { windows: false }));
        assert.equal(onPosix, key);
        const path = location.localPath(w, { windows: true });
        const onWindows = win32.relative(
          win32.resolve("Z:\\cwd", w),
          win32.resolve("Z:\\cwd", path),
        );
        assert(!win32.isAbsolute(onWindows) && !onWindows.split("\\").includes(".."), path);
        assert.equal(onWindows.split("\\").length, key.split("/").length, path);
      },
    ),
  );
});

Deno.test("OutputLocation.localPath(): a drive without a backslash stays the drive's own directory", () => {
  const location = new OutputLocation("bucket", "1-linux/a");
  assert.equal(location.localPath("C:", { windows: true }), "C:1-linux\\a");
  assert.equal(location.localPath("C:\\", { windows: true }), "C:\\1-linux\\a");
});

Deno.test("OutputLocation.localPath(): the bucket itself is the staging directory", () => {
  const location = new OutputLocation("bucket", "");
  assert.equal(location.localPath("/srv/x/", { windows: false }), "/srv/x");
  assert.equal(location.localPath("", { windows: false }), ".");
});

Deno.test("OutputLocation.join(): rejects paths that lead out", () => {
  const location = new OutputLocation("bucket", "1-linux");
  for (const bad of ["", "..", "../x", "/x", "a/../../x", "a//b", "."]) {
    assertInvalid(() => location.join(bad), "relative key");
  }
  assert.equal(location.join("a/b").key, "1-linux/a/b");
});

Deno.test("OutputLocation.relativeTo(): counts whole segments", () => {
  const at = (key: string) => new OutputLocation("bucket", key);
  assert.equal(at("123-linux-old/a").relativeTo(at("123-linux")), undefined);
  assert.equal(at("123-linux/a/b").relativeTo(at("123-linux")), "a/b");
  assert.equal(at("123-linux").relativeTo(at("123-linux")), "");
  assert.equal(at("123-linux").relativeTo(at("")), "123-linux");
  assert.equal(at("a").relativeTo(new OutputLocation("other", "")), undefined);
});

Deno.test("OutputLocation: is immutable", () => {
  const location = new OutputLocation("bucket", "a");
  assert.throws(() => {
    (location as { key: string }).key = "b";
  }, TypeError);
});

Deno.test("parent: one segment up, to the bucket itself", () => {
  const file = new OutputLocation("bucket", "1-linux/logs/a.log");
  assert.equal(file.parent.key, "1-linux/logs");
  assert.equal(file.parent.parent.parent.s3Uri, "s3://bucket");
  assert.equal(new OutputLocation("bucket", "").parent.s3Uri, "s3://bucket");
});
