/**
 * What must not be printed, whatever message it got into: the secrets of the environment, the
 * signatures of URLs, passwords in URLs.
 *
 * @module
 */

import type { Io } from "./io.ts";

/** Variables that hold secrets. */
const SECRETS = [
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN",
  "GH_TOKEN",
  "GITHUB_TOKEN",
  "ACTIONS_RUNTIME_TOKEN",
  "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
] as const;

/** What is shorter is no secret, and stands in too many words. */
const MIN_SECRET = 8;

/** Parameters of URLs that let whoever has them in. */
const SIGNED =
  /([?&;](?:X-Amz-(?:Signature|Credential|Security-Token)|AWSAccessKeyId|Signature|sig|token|access_token)=)[^&;#\s"'<>)\]]+/gi;

/** A user and a password before a host. */
const PASSWORD = /(\b[a-z][a-z0-9+.-]*:\/\/)[^/\s:@"'<>]*:[^/\s@"'<>]+@/gi;

/**
 * Makes a function that takes secrets out of a text.
 *
 * @param env The environment.
 * @returns The function.
 */
export function redactor(env: (name: string) => string | undefined): (text: string) => string {
  const secrets = SECRETS.map(env)
    .filter((value) => value !== undefined)
    .filter((value) => value.length >= MIN_SECRET);
  return (text) => {
    let clean = text.replace(SIGNED, "$1***").replace(PASSWORD, "$1***@");
    for (const secret of secrets) clean = clean.replaceAll(secret, "***");
    return clean;
  };
}

/**
 * Streams that no secret gets through.
 *
 * @param io The world around.
 * @returns The same, its streams guarded.
 */
export function guarded(io: Io): Io {
  const redact = redactor((name) => io.env(name) || undefined);
  const write = (text: string) => io.stderr(text);
  let take = write;
  return {
    stdout: (text) => io.stdout(redact(text)),
    stderr: (text) => take(redact(text)),
    stderrIsTerminal: io.stderrIsTerminal,
    stderrWidth: io.stderrWidth,
    claimStderr: (taker) => {
      take = taker;
      return { write, release: () => take = write };
    },
    stdoutIsTerminal: io.stdoutIsTerminal,
    env: (name) => io.env(name),
    onInterrupt: (callback) => io.onInterrupt(callback),
  };
}
