/**
 * The error of an invalid archive, without its name, which code that reads bytes does not know.
 *
 * @module
 */

/** Bytes that are not an archive, a broken archive, or one that must not be unpacked. */
export class BadArchive extends Error {
  /** The member with the error, if it is in one. */
  readonly member?: string;

  /**
   * Creates an error.
   *
   * @param reason What is wrong, as a clause: "the archive ends in the middle of a header".
   * @param member The name of the member.
   */
  constructor(reason: string, member?: string) {
    super(reason);
    this.name = "BadArchive";
    this.member = member;
  }
}
