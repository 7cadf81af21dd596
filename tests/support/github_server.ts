/**
 * A GitHub on loopback: runs, commits and pull requests by GitHub's routes, in pages, with ETags and
 * a limit of requests; and whatever trouble a test orders.
 *
 * @module
 */

import { createHash } from "node:crypto";
import type { paths } from "@octokit/openapi-types";
import {
  type Answer,
  commitAnswer,
  comparisonAnswer,
  errorAnswer,
  pullAnswer,
  type QueryOf,
  runAnswer,
  type TestCommit,
  type TestRun,
} from "./github_answers.ts";

/** What the server knows; tests may change it at any time. */
export interface GithubState {
  readonly repository?: string;
  /** In the order in which they are told. */
  runs?: readonly TestRun[];
  /** The newest first; also the order of a branch's commits. */
  commits?: readonly TestCommit[];
  /** What a branch or a tag points to. */
  refs?: Readonly<Record<string, string>>;
  /** Of comparisons (`BASE...HEAD`) of commits on two branches, what both contain. */
  diverged?: Readonly<Record<string, string>>;
  /** The heads of pull requests. */
  pulls?: Readonly<Record<number, string>>;
  /** How many requests are left; those that are answered by 304 to a known user do not count. */
  remaining?: number;
  /** When the limit ends, in seconds since 1970. */
  reset?: number;
  /** Tokens that are known. Default: all. */
  tokens?: readonly string[];
  /** No ETags, as a proxy may have it. */
  noEtags?: boolean;
}

/** What one request is answered with in place of the right answer; `undefined`: the right one. */
export type Trouble = (request: Request) => Response | Promise<Response | undefined> | undefined;

/** A running server. */
export interface GithubServer extends AsyncDisposable {
  /** For `GITHUB_API_URL`. */
  readonly url: string;
  readonly state: GithubState;
  /** The path and query of each request, in their order. */
  readonly requests: string[];
  /** The `authorization` of each request. */
  readonly authorizations: (string | null)[];
  /** How many of them count against the limit. */
  counted: number;
  /** Answers the next requests, one each. */
  readonly troubles: Trouble[];
}

/** A commit's SHA, made of a number. */
export function sha(number: number): string {
  return createHash("sha1").update(`commit ${number}`).digest("hex");
}

/** An answer with an error. */
export function refusal(
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): Response {
  return Response.json(errorAnswer(status, message), { status, headers });
}

/** Starts a server. */
export function startGithub(state: GithubState = {}): GithubServer {
  const repository = state.repository ?? "ROCm/TheRock";
  const requests: string[] = [];
  const authorizations: (string | null)[] = [];
  const troubles: Trouble[] = [];
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const url = new URL(request.url);
      requests.push(decodeURIComponent(url.pathname) + url.search);
      const authorization = request.headers.get("authorization");
      authorizations.push(authorization);
      const trouble = await troubles.shift()?.(request);
      if (trouble !== undefined) {
        self.counted++;
        return trouble;
      }
      if (state.tokens !== undefined && authorization !== null) {
        const token = authorization.replace(/^\w+ /, "");
        if (!state.tokens.includes(token)) return refusal(401, "Bad credentials");
      }
      const response = route(url, state, repository);
      const isKnown = response.headers.get("etag") !== null &&
        response.headers.get("etag") === request.headers.get("if-none-match");
      const isFree = url.pathname === "/rate_limit";
      if (!isFree && (!isKnown || authorization === null)) {
        self.counted++;
        if (state.remaining !== undefined && state.remaining-- <= 0) {
          state.remaining = 0;
          return refusal(403, "API rate limit exceeded for 127.0.0.1.", limits(state));
        }
      }
      if (!isKnown) return response;
      const { etag, ...headers } = Object.fromEntries(response.headers);
      return new Response(null, { status: 304, headers: { etag, ...cacheHeaders(headers) } });
    },
  );
  const self: GithubServer = {
    url: `http://127.0.0.1:${server.addr.port}`,
    state,
    requests,
    authorizations,
    counted: 0,
    troubles,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
  return self;
}

function cacheHeaders(headers: Record<string, string>): Record<string, string> {
  return { "cache-control": headers["cache-control"], vary: headers.vary };
}

/** The quota, which can be read for nothing. */
function limitAnswer({ remaining = 5000, reset = 0 }: GithubState): object {
  const rate = { limit: 5000, remaining, reset, used: 5000 - remaining };
  const answer: Answer<"/rate_limit"> = { resources: { core: rate, search: rate }, rate };
  return answer;
}

function limits({ reset = 0 }: GithubState): Record<string, string> {
  return {
    "x-ratelimit-limit": "60",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": String(reset),
  };
}

/** One GET of GitHub's, by the name that its description has for it. */
interface Route {
  /** Its path, with the names of what varies. */
  readonly path: keyof paths;
  /** The parameters that it takes in its query. */
  readonly query: readonly string[];
  readonly answer: (question: Question) => Response;
}

/** A request, taken apart. */
interface Question {
  readonly url: URL;
  /** What stands for the names in the path. */
  readonly values: Readonly<Record<string, string>>;
  readonly state: GithubState;
  readonly repository: string;
}

/** Makes a route; the compiler holds its path and parameters against the description. */
function get<Path extends keyof paths>(
  path: Path,
  query: readonly QueryOf<Path>[],
  answer: (question: Question) => Response,
): Route {
  return { path, query, answer };
}

const ROUTES: readonly Route[] = [
  get(
    "/repos/{owner}/{repo}/actions/workflows/{workflow_id}/runs",
    ["head_sha", "per_page", "page"],
    ({ url, values, state, repository }) => {
      const wanted = (state.runs ?? []).filter((run) =>
        (run.workflow ?? "multi_arch_ci.yml") === values.workflow_id &&
        run.sha === (url.searchParams.get("head_sha") ?? run.sha)
      );
      if (wanted.length === 0 && !/^(multi_arch_ci|ci)\.yml$/.test(values.workflow_id)) {
        return refusal(404, "Not Found");
      }
      return paged(url, wanted, state, (some) => ({
        total_count: wanted.length,
        workflow_runs: some.map((run) => runAnswer(run, repository)),
      }));
    },
  ),
  get("/repos/{owner}/{repo}/actions/runs/{run_id}", [], ({ values, state, repository }) => {
    const run = state.runs?.find((run) => run.id === Number(values.run_id));
    return run ? json(runAnswer(run, repository), state) : refusal(404, "Not Found");
  }),
  get(
    "/repos/{owner}/{repo}/commits",
    ["sha", "per_page", "page"],
    ({ url, state, repository }) => {
      const { commits = [] } = state;
      const start = resolve(url.searchParams.get("sha") ?? "main", state);
      const from = commits.findIndex(({ sha }) => sha === start);
      if (from < 0) return refusal(404, "Not Found");
      return paged(url, commits.slice(from), state, (some) => {
        const answer: Answer<"/repos/{owner}/{repo}/commits"> = some
          .map((commit) => commitAnswer(commit, repository));
        return answer;
      });
    },
  ),
  get(
    "/repos/{owner}/{repo}/commits/{ref}",
    ["per_page", "page"],
    ({ values, state, repository }) => {
      const found = resolve(values.ref, state);
      const commit = state.commits?.find(({ sha }) => sha === found);
      if (commit !== undefined) return json(commitAnswer(commit, repository), state);
      return refusal(422, `No commit found for SHA: ${values.ref}`);
    },
  ),
  get("/repos/{owner}/{repo}/pulls/{pull_number}", [], ({ values, state }) => {
    const number = Number(values.pull_number);
    const head = state.pulls?.[number];
    return head ? json(pullAnswer(number, head), state) : refusal(404, "Not Found");
  }),
  get("/rate_limit", [], ({ state }) => json(limitAnswer(state), state)),
  get("/repos/{owner}/{repo}/compare/{basehead}", ["per_page", "page"], compare),
];

/** Finds the route of a request and answers it. What no route knows is the test's error. */
function route(url: URL, state: GithubState, repository: string): Response {
  for (const { path, query, answer } of ROUTES) {
    const pattern = path.replace(/\{(\w+)\}/g, (_, name) => `(?<${name}>[^/]+)`);
    const match = new RegExp(`^${pattern}$`).exec(url.pathname);
    if (match === null) continue;
    const { groups = {} } = match;
    const values = Object.fromEntries(
      Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]),
    );
    const unknown = [...url.searchParams.keys()].filter((name) => !query.includes(name));
    if (unknown.length > 0) return refusal(422, `Not parameters of ${path}: ${unknown}`);
    // GitHub does not look at the case of a repository's name.
    const asked = `${values.owner}/${values.repo}`.toLowerCase();
    if (path.includes("{repo}") && asked !== repository.toLowerCase()) {
      return refusal(404, "Not Found");
    }
    return answer({ url, values, state, repository });
  }
  return refusal(404, `No such route: ${url.pathname}`);
}

/** What a text names: a SHA, the beginning of just one, a branch or a tag. */
function resolve(ref: string, { commits = [], refs = {} }: GithubState): string | undefined {
  const name = ref.replace(/^(?:heads|tags)\//, "");
  if (refs[name] !== undefined) return refs[name];
  if (name === "main") return commits[0]?.sha;
  const found = /^[0-9a-f]{4,40}$/.test(ref)
    ? commits.filter(({ sha }) => sha.startsWith(ref))
    : [];
  return found.length === 1 ? found[0].sha : undefined;
}

function compare({ url, values, state, repository }: Question): Response {
  const [base, head] = values.basehead.split("...");
  const { commits = [] } = state;
  const find = (ref: string) => commits.findIndex(({ sha }) => sha === resolve(ref, state));
  const [from, to] = [find(base), find(head)];
  if (from < 0 || to < 0) return refusal(404, "Not Found");
  const status = from === to ? "identical" : to < from ? "ahead" : "behind";
  const between = commits.slice(to, Math.max(to, from)).toReversed();
  const shared = state.diverged?.[`${commits[from].sha}...${commits[to].sha}`];
  return paged(url, between, state, (some, page) =>
    comparisonAnswer({
      repository,
      base: commits[from],
      between: some,
      total: between.length,
      status: shared === undefined ? status : "diverged",
      mergeBase: shared === undefined ? commits[from] : { sha: shared },
      page,
    }));
}

/** One page, with the link to the next one. */
function paged<T>(
  url: URL,
  all: readonly T[],
  state: GithubState,
  answer: (some: readonly T[], page: number) => object,
): Response {
  const size = Math.min(100, Number(url.searchParams.get("per_page") ?? 30));
  const page = Number(url.searchParams.get("page") ?? 1);
  const last = Math.max(1, Math.ceil(all.length / size));
  const to = (number: number, rel: string) => {
    const next = new URL(url);
    next.searchParams.set("page", String(number));
    return `<${next}>; rel="${rel}"`;
  };
  const links = page < last ? [to(page + 1, "next"), to(last, "last")] : [];
  if (page > 1) links.push(to(page - 1, "prev"), to(1, "first"));
  return json(
    answer(all.slice((page - 1) * size, page * size), page),
    state,
    links.length > 0 ? { link: links.join(", ") } : {},
  );
}

function json(
  body: object,
  { noEtags }: GithubState,
  headers: Readonly<Record<string, string>> = {},
): Response {
  const etag = `W/"${createHash("sha256").update(JSON.stringify(body)).digest("hex")}"`;
  return Response.json(body, {
    headers: {
      "content-type": "application/json; charset=utf-8",
      "cache-control": "private, max-age=60, s-maxage=60",
      vary: "Accept, Authorization, Cookie, X-GitHub-OTP",
      ...headers,
      ...(noEtags ? {} : { etag }),
    },
  });
}
