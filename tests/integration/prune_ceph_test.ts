/** `runs prune` killed on Ceph, and its lifecycle rules there. */

import assert from "node:assert/strict";
import {
  DeleteBucketLifecycleCommand,
  GetBucketLifecycleConfigurationCommand,
  PutBucketLifecycleConfigurationCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { OutputLocation } from "../../src/layout/output_location.ts";
import { lifecycleRules } from "../../src/runs/retention/lifecycle.ts";
import { Session } from "../../src/storage/s3/session.ts";
import { readSettings } from "../../src/storage/s3/settings.ts";
import { pruneKillSuite } from "../operations/prune/kill_suite.ts";
import { realS3, realServer, testOptions } from "../support/s3_subject.ts";

if (realServer() !== undefined) {
  pruneKillSuite("ceph", () => realS3(), { thinTimes: 6 });

  Deno.test("ceph accepts the lifecycle rules of a policy, and returns them", async () => {
    await using subject = await realS3();
    const { bucket: Bucket, url } = subject;
    using session = new Session(await readSettings(testOptions(url)));
    const at = new OutputLocation(Bucket, "");
    const call = <T>(send: (client: S3Client) => Promise<T>) =>
      session.command("change", at, undefined, send);
    const policy = { group_by: [], min_age_seconds: 0, older_than_seconds: 90 * 86_400 };
    const { configuration } = lifecycleRules(policy);
    const LifecycleConfiguration = { Rules: [...configuration.Rules] };
    await call((client) =>
      client.send(
        new PutBucketLifecycleConfigurationCommand({ Bucket, LifecycleConfiguration }),
      )
    );
    const { Rules = [] } = await call((client) =>
      client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }))
    );
    const byId = new Map(Rules.map((rule) => [rule.ID, rule]));
    assert.equal(byId.size, configuration.Rules.length);
    for (const { ID, ...rule } of configuration.Rules) {
      const found = byId.get(ID)!;
      assert.equal(found.Status, "Enabled");
      assert.equal(found.Expiration?.Days, rule.Expiration?.Days);
      assert.equal(
        found.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
        rule.AbortIncompleteMultipartUpload?.DaysAfterInitiation,
      );
      assert.equal(
        found.NoncurrentVersionExpiration?.NoncurrentDays,
        rule.NoncurrentVersionExpiration?.NoncurrentDays,
      );
    }
    await call((client) => client.send(new DeleteBucketLifecycleCommand({ Bucket })));
  });
}
