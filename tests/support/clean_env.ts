/**
 * Removes from the environment what the program reads, so that no test depends on whose terminal or
 * job it runs in: credentials, endpoints, the job of a runner, proxies. The tasks load this before
 * each test file. What a test needs it sets itself; the server of the integration tests stays.
 *
 * @module
 */

/** The names that the program reads and a job or a user sets. */
export const CLEARED =
  /^(?:AWS|GITHUB|GH|ACTIONS|RUNNER|THEROCK)_|^RUN_OUTPUTS_(?:CACHE_DIR|FENCE|NO_CACHE|SERVER_TOKEN)$|^(?:ARTIFACT_GROUP|BUILD_DIR|RELEASE_TYPE|JOB_STATUS|SOURCE_DATE_EPOCH|FORCE_COLOR|HOMEPATH|HOMEDRIVE)$|^(?:https?|all|no)_proxy$/i;

const hasServer = Deno.env.has("RUN_OUTPUTS_TEST_S3");
for (const name of Object.keys(Deno.env.toObject())) {
  if (CLEARED.test(name) && !(hasServer && name.startsWith("AWS_"))) Deno.env.delete(name);
}
