import assert from "node:assert/strict";
import { FileHashes } from "../../src/runs/file_hashes.ts";
import { sha256 } from "../support/bytes.ts";

Deno.test("FileHashes: distinguishes a file with another hash from an equal or unknown one", () => {
  const hashes = new FileHashes();
  const bytes = (text: string) => new TextEncoder().encode(text);
  const paths = Array.from({ length: 20_000 }, (_, i) => `logs/${i % 7}/test-${i}.log`);
  for (const path of paths) hashes.add(path, sha256(bytes(path)));
  for (const path of paths) {
    assert(!hashes.differs(path, sha256(bytes(path))), path);
    assert(hashes.differs(path, sha256(bytes(`${path} `))), path);
    assert(hashes.differs(path, undefined), path);
    assert(!hashes.differs(`${path}x`, undefined), path);
  }
  assert(!hashes.differs("", undefined));
});
