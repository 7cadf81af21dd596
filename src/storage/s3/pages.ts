/**
 * The pages of a list, with a check that they end.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { Session } from "./session.ts";

/** The maximum number of consecutive empty pages. Some servers send one after skipping a lot. */
const MAX_EMPTY = 100;

/** Follows the pages of one list. */
export class Pages {
  readonly #session: Session;
  readonly #prefix: OutputLocation;
  readonly #seen = new Set<string>();
  #empty = 0;

  /**
   * Starts a list.
   *
   * @param session The connection.
   * @param prefix The prefix of the list.
   */
  constructor(session: Session, prefix: OutputLocation) {
    this.#session = session;
    this.#prefix = prefix;
  }

  /**
   * Whether to request another page.
   *
   * @param page The server's response: whether there is more, where the next page begins, and the
   * number of entries on this one.
   * @returns `true`, if there is another page.
   * @throws {RunOutputsError} `failed`, if the pages would not end.
   */
  hasNext(
    { isTruncated, token, count }: {
      readonly isTruncated: boolean | undefined;
      readonly token: string | undefined;
      readonly count: number;
    },
  ): boolean {
    if (!isTruncated) return false;
    if (token === undefined) throw this.broken("it continues, but has no token for the next page");
    if (this.#seen.has(token)) throw this.broken("its pages repeat");
    this.#seen.add(token);
    this.#empty = count > 0 ? 0 : this.#empty + 1;
    if (this.#empty === MAX_EMPTY) throw this.broken(`${MAX_EMPTY} pages in a row are empty`);
    return true;
  }

  /**
   * The error of an invalid list.
   *
   * @param reason What is wrong with it.
   * @returns An error with code `failed`, which names the server.
   */
  broken(reason: string): RunOutputsError {
    const host = this.#session.transport.host(this.#prefix.bucket);
    return new RunOutputsError(
      "failed",
      `Cannot list '${this.#prefix}': the list of ${host} is wrong: ${reason}; check ` +
        "--endpoint-url and proxies",
    );
  }
}
