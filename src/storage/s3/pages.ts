/**
 * The pages of a list: that they have an end.
 *
 * @module
 */

import { RunOutputsError } from "../../errors/error.ts";
import type { OutputLocation } from "../../layout/output_location.ts";
import type { Session } from "./session.ts";

/** How many pages in a row may be empty. Some servers send one where they have skipped much. */
const MAX_EMPTY = 100;

/** Goes from page to page of one list. */
export class Pages {
  readonly #session: Session;
  readonly #prefix: OutputLocation;
  readonly #seen = new Set<string>();
  #empty = 0;

  /**
   * Begins a list.
   *
   * @param session The connection.
   * @param prefix What is listed.
   */
  constructor(session: Session, prefix: OutputLocation) {
    this.#session = session;
    this.#prefix = prefix;
  }

  /**
   * Whether another page has to be asked for.
   *
   * @param page What the server says: whether there is more, where the next page begins, and how
   * many entries there were on this one.
   * @returns `true`, if so.
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
    if (token === undefined) throw this.broken("it goes on, but has no token for the next page");
    if (this.#seen.has(token)) throw this.broken("its pages repeat");
    this.#seen.add(token);
    this.#empty = count > 0 ? 0 : this.#empty + 1;
    if (this.#empty === MAX_EMPTY) throw this.broken(`${MAX_EMPTY} pages in a row are empty`);
    return true;
  }

  /**
   * The error of a list that is none.
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
