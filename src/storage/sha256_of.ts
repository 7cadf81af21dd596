/**
 * Hashes a stream in this thread.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { Chunks } from "./backend.ts";

/**
 * Reads a stream to its end and returns its hash.
 *
 * @param chunks The bytes.
 * @returns Their SHA-256, 64 hex digits.
 */
export async function sha256Of(chunks: Chunks): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) hash.update(chunk);
  return hash.digest("hex");
}
