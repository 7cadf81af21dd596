/**
 * Plain English: texts that people read say things in the field's words (docs/glossary.md).
 *
 * @module
 */

import assert from "node:assert/strict";
import { join } from "node:path";
import { ROOT } from "./support/import_graph.ts";

/** Files and directories that must be in plain English, including comments. Missing: tests. */
const CLEAN = ["README.md", "docs", "tests/testdata/help", "src", "mod.ts", "cli.ts", ".ci"];

/** Odd phrases, with what to write. A blank is also a line break, of a comment or of a string. */
const ODD: readonly (readonly [RegExp, string])[] = [
  [phrase("(?:hold|holds|held|holding)(?: \\S+){0,3} against"), "verify, compare with"],
  [phrase("(?:is|are|was|were) told"), "is reported"],
  [phrase("as told"), "OK, as expected"],
  [phrase("tells? of"), "lists, reports"],
  [phrase("under way"), "in progress"],
  [phrase("anew"), "again; rebuild, regenerate"],
  [phrase("(?:pass|passes|passed|passing) over"), "skip"],
  [phrase("from before"), "earlier"],
  [phrase("wrong bytes"), "checksum mismatch"],
  [phrase("(?:go|goes) by"), "use"],
  [phrase("cannot go on"), "name what failed"],
  [phrase("asks? first"), "checks first"],
  [phrase("what there is"), "contents"],
  [phrase("what is there(?: already)?"), "existing files"],
  [phrase("(?:take|takes|taken) away"), "delete"],
  [phrase("at work on"), "in use by, in progress"],
  [phrase("is no good"), "is invalid"],
  [phrase("in place of"), "instead of"],
  [phrase("(?:is|are) asked for"), "requested"],
  [phrase("for people"), "for messages, as text"],
  [phrase("where to explain"), "receives explanations"],
  [phrase("what became of"), "the result of"],
  [phrase("told"), "reported, called with"],
  [phrase("tells"), "says, reports, lists"],
  [phrase("at hand"), "available"],
  [phrase("(?:goes|go|going|went) on"), "continue"],
  [phrase("stands? (?:for|there|in|at|on|behind|below|before)"), "is, means"],
  [phrase("as (?:it|they) stands?"), "unchanged, verbatim"],
  [phrase("made out"), "determined, found"],
  [phrase("in one go"), "at once"],
  [phrase("(?:is|are) to be"), "will be, must be"],
  [phrase("of its own accord"), "by itself"],
  [phrase("troubles?"), "failure, problem, error"],
  [phrase("that which"), "what"],
  [phrase("(?:is|are) at it"), "is running"],
  [phrase("handed (?:out|over|in|on)"), "returned, passed"],
  [phrase("left aside"), "ignored, skipped"],
  [phrase("(?:is|are) no (?:file|directory|part|mark|link|error)"), "is not a ..."],
  [phrase("came of"), "the result of"],
  [phrase("comes? of"), "the result of"],
  [phrase("so many"), "this many, give the number"],
  [phrase("whatever is there"), "existing content"],
  [phrase("held (?:back|to)"), "compared, delayed"],
  [phrase("had again"), "downloaded again"],
  [phrase("it is none"), "it is invalid"],
  [phrase("at the door"), "on input"],
];

Deno.test("words: help, README, docs and sources are in plain English", async () => {
  const found: string[] = [];
  let files = 0;
  for await (const file of textFiles()) {
    files++;
    const text = await Deno.readTextFile(join(ROOT, file));
    for (const { line, words, write } of oddPhrases(text)) {
      found.push(`${file}:${line}: '${words}'; write: ${write}`);
    }
  }
  assert(files > 80, `only ${files} files were found`);
  assert.deepEqual(found, []);
});

Deno.test("words: a phrase is found across lines of a comment and of a string", () => {
  const lines = [
    "const a = 1;",
    "// The archive is held",
    '// against it, "and made " +',
    '"anew".',
  ];
  const found = oddPhrases(lines.join("\n")).map(({ line, words }) => `${line}: ${words}`);
  assert.deepEqual(found, ["2: held against", "4: anew"]);
  assert.deepEqual(oddPhrases("An upload in progress verifies each checksum."), []);
});

interface OddPhrase {
  readonly line: number;
  readonly words: string;
  readonly write: string;
}

function oddPhrases(text: string): OddPhrase[] {
  return ODD.flatMap(([pattern, write]) =>
    [...text.matchAll(pattern)].map(({ index, 0: words }) => ({
      line: text.slice(0, index).split("\n").length,
      words: words.replace(/[\s*/"'`+]+/g, " "),
      write,
    }))
  );
}

/** A pattern for words that may stand on several lines of prose, of a comment or of a string. */
function phrase(words: string): RegExp {
  return new RegExp(`\\b${words.replaceAll(" ", "[\\s*/\"'`+]+")}\\b`, "gi");
}

async function* textFiles(): AsyncGenerator<string> {
  for (const path of CLEAN) {
    for await (const file of filesBelow(path)) {
      if (/\.(?:md|txt|ts)$/.test(file)) yield file;
    }
  }
}

async function* filesBelow(path: string): AsyncGenerator<string> {
  if ((await Deno.stat(join(ROOT, path))).isFile) return yield path;
  for await (const { name } of Deno.readDir(join(ROOT, path))) yield* filesBelow(`${path}/${name}`);
}
