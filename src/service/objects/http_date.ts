/**
 * Dates in HTTP headers (RFC 9110, section 5.6.7). Pure.
 *
 * @module
 */

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

const TIME = "(?<time>\\d\\d:\\d\\d:\\d\\d)";

/** The format that is sent, and the two obsolete ones that must be understood. */
const FORMATS = [
  `[A-Z][a-z]{2}, (?<day>\\d\\d) (?<month>[A-Z][a-z]{2}) (?<year>\\d{4}) ${TIME} GMT`,
  `[A-Z][a-z]{5,8}, (?<day>\\d\\d)-(?<month>[A-Z][a-z]{2})-(?<year>\\d\\d) ${TIME} GMT`,
  `[A-Z][a-z]{2} (?<month>[A-Z][a-z]{2}) (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})`,
].map((format) => new RegExp(`^${format}$`));

/**
 * Formats a date.
 *
 * @param date The date; parts of a second are dropped.
 * @returns As in `Sun, 06 Nov 1994 08:49:37 GMT`.
 */
export function formatHttpDate(date: Date): string {
  return date.toUTCString();
}

/**
 * Parses a date in one of the three formats.
 *
 * @param value The header's value.
 * @returns The date; `undefined`, if it is not one, so that the header is ignored.
 */
export function parseHttpDate(value: string): Date | undefined {
  for (const format of FORMATS) {
    const { day, month, year, time } = format.exec(value)?.groups ?? {};
    if (time === undefined) continue;
    // Two digits: the format is older than 2000, and there is no need to look further ahead.
    const full = year.length === 4
      ? Number(year)
      : Number(year) + (Number(year) < 70 ? 2000 : 1900);
    const [hours, minutes, seconds] = time.split(":").map(Number);
    const date = new Date(
      Date.UTC(full, MONTHS.indexOf(month), Number(day), hours, minutes, seconds),
    );
    // A day that does not exist becomes another one. A leap second is valid.
    const isDate = MONTHS[date.getUTCMonth()] === month || seconds === 60;
    return isDate && hours < 24 && minutes < 60 && seconds <= 60 ? date : undefined;
  }
  return undefined;
}
