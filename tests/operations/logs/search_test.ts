/** Searches in files, held against a search in their whole text. */

import assert from "node:assert/strict";
import fc from "fast-check";
import { OutputLocation } from "../../../src/layout/output_location.ts";
import { stripEscapes } from "../../../src/operations/logs/ansi.ts";
import { LogFile } from "../../../src/operations/logs/log_file.ts";
import { type LineQuery, parseQuery, PROBLEMS } from "../../../src/operations/logs/query.ts";
import {
  type LogMatch,
  type SearchFile,
  searchFiles,
  type SearchOptions,
  type SearchPlace,
  searchStart,
} from "../../../src/operations/logs/search_files.ts";
import type { StorageBackend } from "../../../src/storage/backend.ts";
import { bytesSource } from "../../../src/storage/byte_source.ts";
import { LocalBackend } from "../../../src/storage/local/local.ts";
import { MemoryBackend } from "../../../src/storage/memory.ts";
import { RunOutputsError } from "../../../src/errors/error.ts";
import { cases } from "../../support/cases.ts";
import { changed } from "../../support/changed_backend.ts";
import { rejectsWith, throwsWith } from "../../support/errors.ts";
import { hugeFile, numberedLines } from "../../support/huge_file.ts";
import { tempDir } from "../../support/temp_dir.ts";

const RUN = new OutputLocation("suite", "1-linux");
const encode = (text: string) => new TextEncoder().encode(text);

async function put(
  backend: StorageBackend,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<SearchFile[]> {
  const put: SearchFile[] = [];
  for (const [path, content] of Object.entries(files)) {
    put.push({ path, info: await backend.write(RUN.join(path), bytesSource(content)) });
  }
  return put;
}

async function* these(files: readonly SearchFile[]): AsyncGenerator<SearchFile> {
  yield* files;
}

/** All pages of a search. */
async function allOf(
  backend: StorageBackend,
  files: readonly SearchFile[],
  options: SearchOptions,
): Promise<LogMatch[]> {
  const matches: LogMatch[] = [];
  let from: SearchPlace | undefined;
  do {
    const rest = files.slice(files.findIndex(({ path }) => path === (from?.path ?? path)));
    const page = await searchFiles(backend, these(rest), { ...options, from });
    assert(page.matches.length <= options.limit);
    assert(page.next === undefined || page.bytes > 0 || page.next.path !== from?.path);
    matches.push(...page.matches);
    from = page.next;
  } while (from !== undefined);
  return matches;
}

interface Line {
  readonly path: string;
  readonly at: number;
  readonly line: number;
}

/** The lines that match, of texts that are in memory. */
function naive(
  texts: Readonly<Record<string, string>>,
  matches: (line: string) => boolean,
): Line[] {
  return Object.entries(texts).flatMap(([path, text]) => {
    let at = 0;
    const lines = text.split("\n");
    if (lines.at(-1) === "") lines.pop();
    return lines.flatMap((line, i) => {
      const place = { path, at, line: i + 1 };
      at += encode(line).length + 1;
      const isLast = i === lines.length - 1 && !text.endsWith("\n");
      return matches(stripEscapes(isLast ? line : line.replace(/\r$/, ""))) ? [place] : [];
    });
  });
}

const place = ({ path, at, line }: LogMatch) => ({ path, at, line });

const word = fc.constantFrom(
  "error",
  "ERROR",
  "ab",
  "b",
  "ü",
  "漢",
  "😀",
  " ",
  "\x1b[31m",
  "\x1b[0m",
  "x".repeat(900),
);
const textArbitrary = fc.array(
  fc.tuple(
    fc.array(word, { maxLength: 8 }),
    fc.constantFrom(1, 1, 1, 4),
    fc.constantFrom("\n", "\n", "\r\n", "\n\n"),
  ).map(([words, times, end]) => words.join("").repeat(times) + end),
  { maxLength: 40 },
).map((lines) => lines.join(""));

const queries = fc.constantFrom<readonly [LineQuery, RegExp]>(
  [parseQuery("error"), /error/i],
  [parseQuery("error", { caseSensitive: true }), /error/],
  [parseQuery("üab"), /üab/i],
  [parseQuery("[.*"), /\[\.\*/],
  [parseQuery("^(ab)+.*b$", { regex: true }), /^(ab)+.*b$/i],
  [parseQuery("error|漢+", { regex: true, caseSensitive: true }), /error|漢+/],
  [parseQuery("x*", { regex: true }), /x*/],
  [parseQuery("\\Aerror|ab\\z", { regex: true }), /^error|ab$/i],
  [parseQuery("(?-m:^b)|\\berror$", { regex: true }), /^b|\berror$/i],
);

Deno.test("search: finds the lines that a search in the whole text finds, in pages of any size", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(textArbitrary, { maxLength: 4 }),
      queries,
      fc.integer({ min: 1, max: 30 }),
      fc.integer({ min: 20_000, max: 60_000 }),
      fc.boolean(),
      async (contents, [query, pattern], limit, slice, isSlow) => {
        const backend = new MemoryBackend();
        const texts = Object.fromEntries(contents.map((text, i) => [`logs/${i}`, text]));
        // A line is divided if it is longer than a slice.
        const longest = Math.max(
          0,
          ...contents.flatMap((text) => text.split("\n").map((l) => l.length * 4)),
        );
        const options = { query, limit, slice: Math.max(slice, longest + 1) };
        const files = await put(backend, texts);
        const expected = naive(texts, (line) => pattern.test(line));
        const deadline = isSlow ? -Infinity : undefined;
        const found = await allOf(backend, files, { ...options, deadline });
        assert.deepEqual(found.map(place), expected);
        for (const { text, ranges, cut } of found) {
          if (cut) continue;
          for (const [start, end] of ranges) assert.match(text.slice(start, end), pattern);
        }
        for (const file of files.slice(0, 1)) {
          const back = await allOf(backend, [file], { ...options, deadline, back: true });
          const forward = expected.filter(({ path }) => path === file.path);
          assert.deepEqual(back.map(({ at }) => at), forward.map(({ at }) => at).reverse());
        }
      },
    ),
    { numRuns: cases(200) },
  );
});

Deno.test("search: a word anywhere in a line of any length is found, in both directions", async () => {
  const word = "the needle";
  await fc.assert(
    fc.asyncProperty(
      fc.nat(200_000),
      fc.nat(200_000),
      fc.constantFrom("x", "é", "漢"),
      async (before, after, fill) => {
        const backend = new MemoryBackend();
        const content = `first\n${fill.repeat(before)}${word}${fill.repeat(after)}\nlast\n`;
        const files = await put(backend, { a: content });
        for (const back of [false, true]) {
          for (const regex of [false, true]) {
            const options = { query: parseQuery(word, { regex }), limit: 10, slice: 40_000, back };
            const found = await allOf(backend, files, options);
            assert.equal(found.length, 1);
            const [{ text, ranges: [[start, end]], at, line }] = found;
            assert.equal(text.slice(start, end), word);
            const offset = encode(content.slice(0, content.indexOf(word))).length;
            assert(at <= offset && offset < at + 65_536, `${at} ${offset}`);
            assert.equal(line, back ? undefined : 2);
          }
        }
      },
    ),
    { numRuns: cases(30, 8) },
  );
});

for (
  const [what, query, line, ranges] of [
    ["text", parseQuery("a.b"), "a.b A.B axb", [[0, 3], [4, 7]]],
    ["case", parseQuery("A", { caseSensitive: true }), "aAa", [[1, 2]]],
    ["no match", parseQuery("z"), "a", undefined],
    ["regex", parseQuery("a.b", { regex: true }), "a.b A.B axb", [[0, 3], [4, 7], [8, 11]]],
    ["regex and case", parseQuery("[A-Z]", { regex: true, caseSensitive: true }), "aB", [[1, 2]]],
    ["the empty match", parseQuery("x*", { regex: true }), "a", []],
    ["anchors", parseQuery("^$", { regex: true }), "", []],
    ["Unicode", parseQuery("\\p{Greek}+", { regex: true }), "a αβγ", [[2, 5]]],
    ["characters beyond 16 bits", parseQuery("😀b"), "a😀b", [[1, 4]]],
    [
      "the first few",
      parseQuery("a"),
      "a".repeat(30),
      Array.from({ length: 20 }, (_, i) => [i, i + 1]),
    ],
  ] as const
) {
  Deno.test(`search: matches in a line: ${what}`, () => {
    assert.deepEqual(query.find(line), ranges);
  });
}

Deno.test("search: what is no regular expression of RE2 is refused, with the reason", () => {
  for (
    const [pattern, ...texts] of [
      ["(", "missing closing )"],
      ["a{2,1}", "invalid repeat"],
      ["(?=a)", "(?=a)", "invalid"],
      ["(a)\\1", "\\\\1", "invalid escape"],
      ["[z-a]", "invalid character class"],
      ["a{1001}", "invalid repeat"],
      ["a{900}b{900}", "smaller"],
      ["(((a{30}){30}){30}){30}", "invalid repeat"],
      ["(".repeat(500) + ")".repeat(500), "smaller"],
    ]
  ) {
    throwsWith(
      () => parseQuery(pattern, { regex: true, field: "<query>" }),
      "invalid",
      "<query>",
      ...texts,
    );
  }
});

Deno.test("search: hostile patterns and lines end, as their time grows with the line alone", async () => {
  const backend = new MemoryBackend();
  const files = await put(backend, {
    a: "a".repeat(30_000),
    b: `${"ab".repeat(15_000)}\n`,
    c: `${"x=".repeat(5000)}\n`,
  });
  for (
    const pattern of [
      "(a+)+$",
      "(a|aa)+b",
      "(a*)*b",
      "(.*a){20}b",
      "(a|a?)+b",
      "^(([a-z])+.)+[A-Z]([a-z])+$",
      "a.*b|a",
      "(x+x+)+y",
      "(?:a?){80}a{80}c",
      ".*.*.*=.*z",
      "([a-zA-Z]+)*!",
      "(\\w|[ab])+#",
      "[ab]{1,200}c",
    ]
  ) {
    const query = parseQuery(pattern, { regex: true });
    await searchFiles(backend, these(files), { query, limit: 1000 });
  }
  // The language's own engine gets no pattern of a user.
  const literal = parseQuery("(a+)+$");
  assert.deepEqual(
    (await searchFiles(backend, these(files), { query: literal, limit: 9 })).matches,
    [],
  );
});

Deno.test("search: problems are lines with which tools report them", () => {
  for (
    const line of [
      "FAILED: [code=1] src/CMakeFiles/a.dir/a.cpp.o",
      "ninja: build stopped: subcommand failed.",
      "ninja: error: loading 'build.ninja': No such file or directory",
      "ninja: fatal: posix_spawn",
      "/src/a.cpp:12:3: error: use of undeclared identifier 'x'",
      "a.cpp:12:3: fatal error: 'x.h' file not found",
      "clang++: error: linker command failed with exit code 1",
      "ld.lld: error: undefined symbol: x",
      "a.cpp(12): error C2065: 'x': undeclared identifier",
      "LINK : fatal error LNK1120: 1 unresolved externals",
      "a.o: undefined reference to `x'",
      "CMake Error at CMakeLists.txt:3 (find_package):",
      "make[2]: *** [Makefile:12: all] Error 1",
      "fatal: not a git repository",
      "Traceback (most recent call last):",
      "ERROR: Could not find a version that satisfies the requirement x",
      "==12==ERROR: AddressSanitizer: heap-use-after-free",
      "error[E0308]: mismatched types",
      "thread 'main' panicked at src/main.rs:2:5",
      "[  FAILED  ] Suite.Test (3 ms)",
      " 3/10 Test  #3: a ...***Failed    0.12 sec",
      "The following tests FAILED:",
      "FAILED tests/a_test.py::test_x - AssertionError",
      "2026-11-20T12:00:00.0000000Z ##[error]Process completed with exit code 1.",
      "::error file=a.c::no",
      "Segmentation fault (core dumped)",
      "a.out: a.c:3: main: Assertion `x' failed.",
      "cp: error writing 'x': No space left on device",
      "npm ERR! code ELIFECYCLE",
      "\x1b[1m/src/a.cpp:1:1: \x1b[0m\x1b[0;1;31merror: \x1b[0mno",
    ]
  ) {
    const problem = PROBLEMS.find(stripEscapes(line));
    assert(problem !== undefined && problem.length > 0, line);
    assert(PROBLEMS.mayMatch(`first\n${stripEscapes(line)}\nlast`), line);
  }
  for (
    const line of [
      "[12/345] Building CXX object src/error.cpp.o",
      "-- Performing Test no-error: done",
      "0 errors, 3 warnings generated.",
      "c++ -Werror -c a.cpp",
      "[       OK ] Suite.Test (3 ms)",
      "Process completed with exit code 0.",
      "Test passed, none FAILED",
    ]
  ) {
    assert.equal(PROBLEMS.find(line), undefined, line);
  }
});

Deno.test("search: a long line is shown around its match", async () => {
  const backend = new MemoryBackend();
  const [a, b] = ["x".repeat(2000), "😀".repeat(300)];
  const files = await put(backend, {
    a: `${a}needle${a}\nneedle${a}\n${a}needle\n${b}needle${b}\n`,
  });
  const { matches } = await searchFiles(backend, these(files), {
    query: parseQuery("needle"),
    limit: 9,
  });
  assert.equal(matches.length, 4);
  for (const { text, ranges: [[start, end]], cut } of matches) {
    assert.equal(text.slice(start, end), "needle");
    assert.equal(text.length, 500);
    assert.equal(cut, true);
    assert(text.isWellFormed());
  }
  assert.deepEqual(matches.map(({ ranges }) => ranges[0][0]), [100, 0, 494, 100]);
});

Deno.test("search: bytes that are not UTF-8, NUL and a byte order mark", async () => {
  await using temp = await tempDir();
  const bytes = Uint8Array.of(0xff, 97, 10, 0xe2, 0x82, 10, 98, 0xc3);
  for (const backend of [new MemoryBackend(), new LocalBackend(temp.path)]) {
    const files = await put(backend, { a: bytes, b: "\ufeffab\n", c: "a\0b\n", d: "" });
    const search = async (q: string, some = files, isStrict = false) =>
      await searchFiles(backend, these(some), { query: parseQuery(q), limit: 9, isStrict });
    const found = await search("a");
    assert.deepEqual(found.matches.map(({ path, at, text }) => [path, at, text]), [
      ["a", 0, "\ufffda"],
      ["b", 0, "ab"],
    ]);
    assert.deepEqual(found.skipped, [{ path: "c", reason: "it is not text" }]);
    assert.equal(found.files, 3);
    assert.deepEqual((await search("\ufffd")).matches.map(({ at }) => at), [0, 3, 6]);
    // A file that was named is searched.
    assert.deepEqual((await search("b", [files[2]], true)).matches.map(({ text }) => text), [
      "a\0b",
    ]);
  }
});

Deno.test("search: files that can't be read are skipped with the reason, but a named one is an error", async () => {
  const inner = new MemoryBackend();
  const files = await put(inner, {
    "a.log": "x\n",
    "b.log": "x\n",
    "c.log.gz": "x\n",
    "d.log": "x\n",
    "e.log": "x\n",
  });
  await inner.write(RUN.join("a.log"), bytesSource("new\n"));
  await inner.delete(RUN.join("b.log"));
  const backend = changed(inner, {
    read: async (at, options) => {
      if (at.name === "d.log") throw new RunOutputsError("denied", "Cannot read d.log: no");
      return await inner.read(at, options);
    },
  });
  const query = parseQuery("x");
  const found = await searchFiles(backend, these(files), { query, limit: 9 });
  assert.deepEqual(found.matches.map(({ path }) => path), ["e.log"]);
  const replaced = "it was replaced or deleted during the search";
  assert.deepEqual(found.skipped, [
    { path: "a.log", reason: replaced, failed: true },
    { path: "b.log", reason: replaced, failed: true },
    { path: "c.log.gz", reason: "it is compressed (gzip)" },
    { path: "d.log", reason: "Cannot read d.log: no", failed: true },
  ]);
  for (const [i, code] of [[0, "conflict"], [1, "not_found"], [3, "denied"]] as const) {
    const one = searchFiles(backend, these([files[i]]), { query, limit: 9, isStrict: true });
    await rejectsWith(one, code);
  }
  const broken = changed(inner, {
    read: () => Promise.reject(new RunOutputsError("transient", "the network is down")),
  });
  await rejectsWith(searchFiles(broken, these(files), { query, limit: 9 }), "transient");
});

Deno.test("search: reads slices of 4 MiB, and no more of a file than its first matches need", async () => {
  const { backend, info, reads } = hugeFile(RUN.join("a.log"), 20_000_000, numberedLines);
  const files = [{ path: "a.log", info }];
  const search = async (q: string, options: Partial<SearchOptions> = {}) => {
    reads.length = 0;
    const query = parseQuery(q, { regex: q.startsWith("^") });
    return await searchFiles(backend, these(files), { query, limit: 1, ...options });
  };
  const [first] = (await search("^3 ")).matches;
  assert.deepEqual([first.at, first.line, reads], [200, 3, [4 << 20]]);
  const later = await search("^77777 |^77779 ");
  assert.deepEqual([later.matches[0].at, later.matches[0].line, reads.length], [
    7_777_600,
    77_777,
    2,
  ]);
  const next = await search("^77777 |^77779 ", { from: later.next });
  assert.deepEqual([next.matches[0].at, next.matches[0].line, reads], [7_777_800, 77_779, [
    4 << 20,
  ]]);
  const last = await search("^\\d+ ", { back: true, limit: 2 });
  assert.deepEqual([last.matches.map(({ at }) => at), reads], [[19_999_900, 19_999_800], [
    4 << 20,
  ]]);
  const none = await search("nothing like it");
  assert.deepEqual([none.bytes, none.next], [20_000_000, undefined]);
  // A slice ends with a line, so the bytes after its last line are read again.
  assert(reads.reduce((a, b) => a + b) <= 20_000_000 + 100 * reads.length);
});

Deno.test("search: a line of 1 GB is searched in slices, from both of its ends", async () => {
  const size = 1_000_000_000;
  const needles = [5000, size / 2, size - 5000];
  const { backend, info, reads } = hugeFile(RUN.join("a.log"), size, (bytes, start) => {
    bytes.fill(120);
    for (const at of needles) {
      if (at >= start && at < start + bytes.length) bytes[at - start] = 121;
    }
  });
  const files = [{ path: "a.log", info }];
  const query = parseQuery("xyx");
  for (const [back, needle] of [[false, 5000], [true, size - 5000]] as const) {
    reads.length = 0;
    const options = { query, limit: 1, back };
    const { matches: [{ at, text }], next } = await searchFiles(backend, these(files), options);
    assert(at <= needle && needle < at + 65_536, `${at}`);
    assert.equal(text.length, 500);
    assert.deepEqual(reads, [4 << 20]);
    // The next page continues after the piece with the match, and its time is over after one block.
    const more = { ...options, from: next, deadline: -Infinity };
    const page = await searchFiles(backend, these(files), more);
    assert.deepEqual([page.matches, page.bytes <= 65_536], [[], true]);
  }
});

Deno.test("search: few matches in many files are found without reading all files", async () => {
  const inner = new MemoryBackend();
  const contents = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`${100 + i}`, "x\n"]));
  const files = await put(inner, contents);
  const read: string[] = [];
  const backend = changed(inner, {
    read: async (at, options) => {
      read.push(at.name);
      return await inner.read(at, options);
    },
  });
  const query = parseQuery("x");
  const first = await searchFiles(backend, these(files), { query, limit: 1 });
  assert.deepEqual([first.matches[0].path, first.next?.path, read.length <= 3], [
    "100",
    "101",
    true,
  ]);
  read.length = 0;
  const all = await searchFiles(backend, these(files), { query, limit: 40 });
  assert.deepEqual([all.matches.length, all.next, read.length], [40, undefined, 40]);
});

Deno.test("search: an abort ends it", async () => {
  const { backend, info } = hugeFile(RUN.join("a.log"), 1e12, (bytes) => bytes.fill(120));
  const controller = new AbortController();
  const { signal } = controller;
  const options = { query: parseQuery("y"), limit: 1, signal };
  const files = these([{ path: "a.log", info }]);
  const search = searchFiles(backend, files, options);
  setTimeout(() => controller.abort(new Error("enough")), 1);
  await assert.rejects(search, /enough/);
});

Deno.test("search: lines that begin at a place or after it, or before it", async () => {
  const backend = new MemoryBackend();
  const content = "a1\na2\r\na3\na4";
  const [{ info }] = await put(backend, { a: content });
  const log = new LogFile(backend, info);
  const starts = [0, 3, 7, 10];
  for (let at = 0; at <= content.length; at++) {
    for (const back of [false, true]) {
      const from = { path: "a", etag: info.etag, at: await searchStart(log, at, back) };
      const files = these([{ path: "a", info }]);
      const { matches } = await searchFiles(backend, files, {
        query: parseQuery("a"),
        limit: 9,
        from,
        back,
      });
      const expected = back
        ? starts.filter((start) => start < at).reverse()
        : starts.filter((start) => start >= at);
      assert.deepEqual(matches.map((match) => match.at), expected, `${at} ${back}`);
    }
  }
});
