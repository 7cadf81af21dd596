/**
 * What is wrong with an archive, told without its name: those who read bytes do not know it.
 *
 * @module
 */

/** Bytes that are no archive, a broken one, or one that may not be unpacked. */
export class BadArchive extends Error {
  /** The member of the archive at which it was noticed, if it was one. */
  readonly member?: string;

  /**
   * Creates an error.
   *
   * @param reason What is wrong, as a part of a sentence: "the archive ends in the middle of a header".
   * @param member The name of the member.
   */
  constructor(reason: string, member?: string) {
    super(reason);
    this.name = "BadArchive";
    this.member = member;
  }
}
