/**
 * Reads `--token-file`.
 *
 * @module
 */

import { quote, RunOutputsError } from "../../../errors/error.ts";
import { checkToken } from "../../../service/tokens.ts";
import { inputError } from "../../local_inputs.ts";

/**
 * Reads the token of the service.
 *
 * @param path The file.
 * @returns The token.
 * @throws {RunOutputsError} `invalid`, if other users can read or change the file, or its content is
 * not a token; what the disk says.
 */
export async function readTokenFile(path: string): Promise<string> {
  const cannot = (error: unknown) => inputError("read the token in", path, error);
  using file = await Deno.open(path).catch((error) => {
    throw cannot(error);
  });
  // Of the opened file: the name can be that of another one by now.
  const { mode, isFile } = await file.stat();
  if (!isFile) {
    throw new RunOutputsError(
      "invalid",
      `Cannot read the token in ${quote(path)}: it is not a file`,
    );
  }
  if (Deno.build.os !== "windows" && ((mode ?? 0) & 0o077) !== 0) {
    throw new RunOutputsError(
      "invalid",
      `Cannot use the token in ${quote(path)}: other users may read or change the file; run ` +
        `'chmod 600 ${path}'`,
    );
  }
  const text = await new Response(file.readable).text().catch((error) => {
    throw cannot(error);
  });
  return checkToken(quote(path), text);
}
