/**
 * What must not be printed, whatever message it got into: the secrets of the environment, the
 * signatures of URLs, users and passwords in URLs.
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

/**
 * What stands before a host: a user, a token or both. A password can hold `/` and `@` where nobody
 * has encoded it, so one goes to the last `@`. What follows a colon can also be a port and a path.
 */
const USER_INFO = /(\b[a-z][a-z0-9+.-]*:\/\/)(?:[^/\s:@"'<>[]*:(?!\d+\/)[^\s"'<>]*|[^/\s"'<>]+)@/gi;

/**
 * Makes a function that takes secrets out of a text.
 *
 * @param env The environment.
 * @returns The function.
 */
export function redactor(env: (name: string) => string | undefined): (text: string) => string {
  const known = SECRETS.map(env)
    .filter((value) => value !== undefined)
    .filter((value) => value.length >= MIN_SECRET)
    .flatMap(formsOf);
  // One can be the beginning of another, whose rest must not stay.
  const secrets = [...new Set(known)].sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text;
    for (const secret of secrets) clean = clean.replaceAll(secret, "***");
    return clean.replace(SIGNED, "$1***").replace(USER_INFO, "$1***@");
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

/** A secret as it stands, and as it stands in URLs. */
function formsOf(secret: string): string[] {
  const whole = secret.toWellFormed();
  const component = encodeURIComponent(whole);
  const strict = component.replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  const form = new URLSearchParams({ "": whole }).toString().slice(1);
  const encoded = [component, strict, form, encodeURI(whole)];
  const lower = encoded.map((text) => text.replace(/%../g, (code) => code.toLowerCase()));
  return [secret, ...encoded, ...lower];
}
