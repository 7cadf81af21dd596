/**
 * Guards everything that is printed. Secrets are redacted: secrets from the environment, signatures
 * in URLs, and users and passwords in URLs. On a runner of GitHub Actions, text that looks like a
 * workflow command is escaped: names of files, messages of servers and logs come from others.
 *
 * @module
 */

import { withoutCommands, workflowCommand } from "../../github/workflow_command.ts";
import { type Io, isOnRunner } from "./io.ts";

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

/** Shorter values are not secrets, and would match in ordinary words. */
const MIN_SECRET = 8;

/** URL parameters that grant access. */
const SIGNED =
  /([?&;](?:X-Amz-(?:Signature|Credential|Security-Token)|AWSAccessKeyId|Signature|sig|token|access_token)=)[^&;#\s"'<>)\]]+/gi;

/**
 * The user information before a host: a user, a token or both. An unencoded password can contain `/`
 * and `@`, so it extends to the last `@`. A colon can also be followed by a port and a path.
 */
const USER_INFO = /(\b[a-z][a-z0-9+.-]*:\/\/)(?:[^/\s:@"'<>[]*:(?!\d+\/)[^\s"'<>]*|[^/\s"'<>]+)@/gi;

/** A quoted value that is all user, password and host: a URL whose scheme was forgotten. */
const QUOTED_USER_INFO =
  /(["'])[^\s/:@"'<>]+:(?!\/\/)[^\s"'<>]+@(?=[\w.-]+(?::\d+)?(?:\/[^\s"']*)?\1)/g;

/** Variables whose values are URLs, with a scheme or without one. */
const URLS = [
  "HTTPS_PROXY",
  "https_proxy",
  "HTTP_PROXY",
  "http_proxy",
  "ALL_PROXY",
  "all_proxy",
  "AWS_ENDPOINT_URL",
  "AWS_ENDPOINT_URL_S3",
  "GITHUB_API_URL",
] as const;

/** The user and the password of a URL's text. */
function userInfo(text: string | undefined): string | undefined {
  return /^(?:[a-z][a-z0-9+.-]*:\/\/)?([^\s/@]+:.+)@/i.exec(text ?? "")?.[1];
}

/**
 * Creates a function that redacts secrets in a text.
 *
 * @param env The environment.
 * @returns The function.
 */
export function redactor(env: (name: string) => string | undefined): (text: string) => string {
  const known = [...SECRETS.map(env), ...URLS.map((name) => userInfo(env(name)))]
    .filter((value) => value !== undefined)
    .filter((value) => value.length >= MIN_SECRET)
    .flatMap(formsOf);
  // Longest first: a secret can be a prefix of another, whose rest must not remain.
  const secrets = [...new Set(known)].sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text;
    for (const secret of secrets) clean = clean.replaceAll(secret, "***");
    return clean.replace(SIGNED, "$1***").replace(USER_INFO, "$1***@")
      .replace(QUOTED_USER_INFO, "$1***@");
  };
}

/**
 * Redacts secrets on all streams and, on a runner, escapes what looks like a workflow command.
 *
 * @param io The streams and the environment.
 * @returns The same, with guarded streams.
 */
export function guarded(io: Io): Io {
  const redact = redactor((name) => io.env(name) || undefined);
  const inert = isOnRunner(io)
    ? { stdout: withoutCommands(), stderr: withoutCommands() }
    : { stdout: same, stderr: same };
  const write = (text: string) => io.stderr(text);
  let take = write;
  return {
    stdout: (text) => io.stdout(inert.stdout(redact(text))),
    stderr: (text) => take(inert.stderr(redact(text))),
    command(stream, name, message) {
      const text = inert[stream](redact(message ?? ""));
      inert[stream]("\n");
      io[stream](`${workflowCommand(name, text)}\n`);
    },
    stderrIsTerminal: io.stderrIsTerminal,
    stderrWidth: io.stderrWidth,
    claimStderr: (taker) => {
      take = taker;
      return { write, release: () => take = write };
    },
    stdoutIsTerminal: io.stdoutIsTerminal,
    env: (name) => io.env(name),
    readStdin: () => io.readStdin(),
    stdin: io.stdin,
    stdoutBytes: io.stdoutBytes,
    schedule: io.schedule?.bind(io),
    onInterrupt: (callback) => io.onInterrupt(callback),
  };
}

function same(text: string): string {
  return text;
}

/** A secret in its raw form and in its encodings in URLs. */
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
