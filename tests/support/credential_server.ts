/**
 * Those who give out temporary credentials, on loopback: the security token service, a container's
 * endpoint, an instance's metadata service. Each checks what its caller has to show.
 *
 * @module
 */

/** Options of {@linkcode startCredentialServer}. */
export interface CredentialServerOptions {
  /** For how long credentials are good, in milliseconds. Default: an hour. */
  readonly lifetime?: number;
  /** Refuse all. */
  readonly refuse?: boolean;
}

/** A server that runs. */
export interface CredentialServer extends AsyncDisposable {
  /** Its URL. */
  readonly url: string;
  /** Which credentials it gave out: the ids of their access keys. */
  readonly given: readonly string[];
}

/** What a caller has to show. */
export const SHOWN = {
  roleArn: "arn:aws:iam::123456789012:role/test",
  webIdentityToken: "a.web.token",
  containerToken: "Basic c29tZWJvZHk=",
} as const;

/** Starts a server. */
export function startCredentialServer(options: CredentialServerOptions = {}): CredentialServer {
  const { lifetime = 3_600_000, refuse = false } = options;
  const given: string[] = [];
  const next = (from: string) => {
    const id = `${from}${given.length + 1}`;
    given.push(id);
    const Expiration = new Date(Date.now() + lifetime).toISOString();
    return { AccessKeyId: id, SecretAccessKey: "secret", Token: `token-of-${id}`, Expiration };
  };

  async function answer(request: Request): Promise<Response> {
    const { pathname } = new URL(request.url);
    const body = await request.text();
    if (refuse) return denied(pathname);
    if (request.method === "POST" && pathname === "/") {
      const form = new URLSearchParams(body);
      const isRight = form.get("Action") === "AssumeRoleWithWebIdentity" &&
        form.get("RoleArn") === SHOWN.roleArn &&
        form.get("WebIdentityToken") === SHOWN.webIdentityToken;
      if (!isRight) return denied(pathname);
      const { AccessKeyId, SecretAccessKey, Token, Expiration } = next("STS");
      return xml(
        200,
        `<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
          <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>${AccessKeyId}</AccessKeyId>
          <SecretAccessKey>${SecretAccessKey}</SecretAccessKey><SessionToken>${Token}</SessionToken>
          <Expiration>${Expiration}</Expiration></Credentials></AssumeRoleWithWebIdentityResult>
          </AssumeRoleWithWebIdentityResponse>`,
      );
    }
    if (pathname === "/container") {
      if (request.headers.get("authorization") !== SHOWN.containerToken) return denied(pathname);
      return Response.json(next("CONTAINER"));
    }
    if (request.method === "PUT" && pathname === "/latest/api/token") {
      return new Response("session");
    }
    const roles = "/latest/meta-data/iam/security-credentials/";
    if (request.headers.get("x-aws-ec2-metadata-token") !== "session") return denied(pathname);
    if (pathname === roles) return new Response("the-role");
    if (pathname === `${roles}the-role`) {
      return Response.json({ Code: "Success", ...next("INSTANCE") });
    }
    return new Response(null, { status: 404 });
  }

  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen: () => {} }, answer);
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    given,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

function denied(pathname: string): Response {
  if (pathname !== "/") return Response.json({ Code: "Denied", Message: "No." }, { status: 403 });
  return xml(
    403,
    `<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
      <Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRoleWithWebIdentity
      </Message></Error></ErrorResponse>`,
  );
}

function xml(status: number, body: string): Response {
  return new Response(body, { status, headers: { "content-type": "text/xml" } });
}
