/** Names and links of archives, without a disk: also those of Windows. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { BadArchive } from "../../../src/archive/tar/bad_archive.ts";
import { LinkModel, LinkWork, resolveLinks } from "../../../src/archive/unpack/link_model.ts";
import { mapByManifest, parseManifest } from "../../../src/archive/tar/artifact_manifest.ts";
import {
  diskLink,
  diskName,
  linkSegments,
  memberSegments,
} from "../../../src/archive/tar/member_path.ts";
import { cases } from "../../support/cases.ts";

const bad = (call: () => unknown, reason: RegExp) =>
  assert.throws(call, (error) => error instanceof BadArchive && reason.test(error.message));

Deno.test("memberSegments(): no name leads out, whatever it is", () => {
  const part = fc.constantFrom("..", ".", "", "a", "C:", "\\", "~", "\0", "😀");
  const name = fc.oneof(fc.string(), fc.array(part).map((parts) => parts.join("/")));
  fc.assert(fc.property(name, (name) => {
    try {
      for (const segment of memberSegments(name)) {
        assert(segment !== "" && segment !== "." && segment !== "..");
        assert(!/[/\0]/.test(segment));
        assert.match(diskName(segment, "windows"), /^[^<>:"|?*\\/\p{Cc}]+$/u);
      }
    } catch (error) {
      assert(error instanceof BadArchive, String(error));
    }
  }));
});

Deno.test("memberSegments(), linkSegments(): too long names are rejected before they are split", () => {
  const long = /is longer than 3072 bytes/;
  for (
    const path of [
      "a/".repeat(500_000),
      "a".repeat(1_000_000),
      "é".repeat(1600),
      `${"ü/".repeat(1100)}`,
    ]
  ) {
    bad(() => memberSegments(path), long);
    bad(() => linkSegments(path), long);
  }
  bad(() => memberSegments("a/".repeat(300)), /more than 256 parts/);
  bad(() => memberSegments(`x/${"é".repeat(128)}`), /a part of its name is longer than 255 bytes/);
  assert.equal(memberSegments(`x/${"é".repeat(127)}`).length, 2);
});

Deno.test("memberSegments(), linkSegments(): names of our own working files are rejected", () => {
  for (
    const name of [
      ".run-outputs-fetch",
      ".sub.run-outputs-fetch",
      ".run-outputs-tmp-1",
      "a.part.journal",
    ]
  ) {
    for (const path of [name, `a/${name}/staging`, `./${name.toUpperCase()}`]) {
      bad(() => memberSegments(path), /reserved for working files/);
      bad(() => linkSegments(path), /reserved for working files/);
    }
  }
});

Deno.test("diskLink(): on Windows with its separator, and its names encoded", () => {
  assert.equal(diskLink("../a:b/./c", "posix"), "../a:b/./c");
  assert.equal(diskLink("../a:b/./c", "windows"), "..\\a%3Ab\\c");
  assert.equal(diskLink(".", "windows"), ".");
  bad(() => linkSegments("c:/x"), /Windows/);
});

Deno.test("mapByManifest(): the first listed path that is a prefix, by whole names", () => {
  const relpaths = parseManifest(new TextEncoder().encode("a/b/c\na\n\n x/y \n"));
  const map = (name: string, strip: boolean) => mapByManifest(relpaths, strip)(name.split("/"));
  assert.deepEqual(map("a/b/c/d", true), ["d"]);
  assert.deepEqual(map("a/b/d", true), ["b", "d"]);
  assert.deepEqual(map("a/b/c/d", false), ["a", "b", "c", "d"]);
  assert.deepEqual(map("x", true), "ancestor");
  assert.deepEqual(map("x/yy", true), undefined);
  assert.deepEqual(map("x/y", true), "ancestor");
  assert.deepEqual(map("a/b/c", true), ["b", "c"], "a listed path below another one");
});

Deno.test("LinkModel: a disk that ignores case: a link is followed by all its spellings", () => {
  for (
    const links of [
      [["d", "."], ["l", "D/D/../.."]],
      [["l", "D/D/../.."], ["d", "."]],
      [["e\u0301", "."], ["l", "\u00e9/\u00c9/../.."]],
      [["a/up", "../b"], ["l", "A/UP/../../x"]],
    ]
  ) {
    const model = new LinkModel(true);
    bad(() => {
      for (const [path, text] of links) {
        model.addLink(model.place(path.split("/"), () => {}), text);
      }
      model.checkLinks();
    }, /points outside/);
  }
});

Deno.test("LinkModel: a disk that ignores case: names that differ only in case are rejected", () => {
  for (
    const [first, second] of [
      ["Lib/a", "lib/b"],
      ["lib/A", "lib/a"],
      ["é", "É"],
      ["e\u0301", "é"],
      // Characters of no width, which Apple's disks don't see.
      ["a\u200bb", "ab"],
      ["a\ufe0f/x", "a/y"],
      ["\u{e0001}a", "A\u2060"],
    ]
  ) {
    const model = new LinkModel(true);
    model.place(first.split("/"), () => {});
    bad(() => model.place(second.split("/"), () => {}), /only in case/);
    const exact = new LinkModel(false);
    exact.place(first.split("/"), () => {});
    exact.place(second.split("/"), () => {});
  }
});

Deno.test("LinkModel: no order of links and members writes outside, or leaves a link that leads out", () => {
  const segment = fc.constantFrom("a", "b", "c");
  const path = fc.array(segment, { minLength: 1, maxLength: 4 });
  const target = fc.array(fc.oneof(segment, fc.constant("..")), { minLength: 1, maxLength: 5 });
  const member = fc.oneof(
    fc.record({ path, type: fc.constant("link"), target }),
    fc.record({ path, type: fc.constantFrom("file", "directory"), target }),
  );
  fc.assert(
    fc.property(fc.array(member, { maxLength: 8 }), (members) => {
      const model = new LinkModel(false);
      const made = new Set<string>();
      try {
        for (const { path, type, target } of members) {
          const place = model.place(path, (directory) => void made.add(directory));
          assert(!place.split("/").includes(".."));
          for (let at = place.indexOf("/"); at >= 0; at = place.indexOf("/", at + 1)) {
            assert.equal(model.linkAt(place.slice(0, at)), undefined, "no link is on the way");
            assert(model.isDirectory(place.slice(0, at)));
          }
          if (model.isDirectory(place)) continue;
          if (type === "link") model.addLink(place, target.join("/"));
          else if (type === "directory" && model.linkAt(place) === undefined) {
            model.addDirectory(place);
          } else model.removeLink(place);
        }
        model.checkLinks();
      } catch (error) {
        assert(error instanceof BadArchive, String(error));
        return;
      }
      // The same once more, in the plainest way: every link, step by step from the root.
      for (const link of model.links.keys()) {
        assert.doesNotThrow(() => walk(link.split("/"), model.links));
      }
    }),
    { numRuns: cases(5000) },
  );
});

/** Goes a way as a system does, and throws when it leaves the root. */
function walk(way: readonly string[], links: ReadonlyMap<string, string>, depth = 0): string[] {
  let here: string[] = [];
  for (const [i, name] of way.entries()) {
    if (name === "..") {
      if (here.length === 0) throw new Error("out");
      here = here.slice(0, -1);
      continue;
    }
    const text = links.get([...here, name].join("/"));
    if (text === undefined) here = [...here, name];
    else if (depth > 40) return here;
    else return walk([...here, ...text.split("/"), ...way.slice(i + 1)], links, depth + 1);
  }
  return here;
}

Deno.test("resolveLinks(): circles end", () => {
  const links = new Map([["a", "b/x"], ["b", "a/y"], ["s", "s"]]);
  const linkAt = (path: string) => links.get(path);
  const work = new LinkWork();
  assert.equal(resolveLinks(["a", "f"], "", linkAt, true, work), undefined);
  assert.equal(resolveLinks(["s"], "", linkAt, true, work), undefined);
  assert.equal(resolveLinks(["s"], "", linkAt, false, work), "s");
});

/** Counts steps, and refuses none. */
class Counted extends LinkWork {
  steps = 0;
  override spend(): void {
    this.steps++;
  }
}

Deno.test("LinkModel: members of known directories need few steps, however deep they are", () => {
  const work = new Counted();
  const model = new LinkModel(false, work);
  const deep = Array.from({ length: 200 }, (_, i) => `d${i}`);
  model.place([...deep, "first"], () => {});
  const once = work.steps;
  assert(once < 1000, `${once}`);
  for (let i = 0; i < 1000; i++) {
    model.addLink(model.place([...deep, `l${i}`], () => {}), "first");
    model.place([...deep, `f${i}`], () => {});
  }
  assert(work.steps - once < 5 * 1000, `${work.steps - once}`);
});

Deno.test("LinkModel: links that lead through many others, again and again, are rejected", () => {
  const model = new LinkModel(false);
  for (let i = 1; i <= 39; i++) model.addLink(`l${i}`, i === 39 ? "d" : `l${i + 1}`);
  bad(() => {
    for (let i = 0; i < 1_000_000; i++) {
      model.addLink("x", "l1/../l1");
      model.place(["l1", "f"], () => {});
    }
  }, /^following its links would take too long$/);
});
