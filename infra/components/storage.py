"""Where the weights lie between runs: a key and a bucket that only the account, and only over TLS, can read."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
from pulumi import ResourceOptions

from infra import naming
from infra.components import documents
from infra.components.documents import Place

KEY_WAIT_DAYS = 7
ABORT_UPLOADS_AFTER_DAYS = 3
OLD_VERSIONS_DAYS = 30


class Weights(pulumi.ComponentResource):
    """The bucket's name is known beforehand; see infra/naming.py. A `disposable` bucket may be removed with what lies in it."""

    def __init__(self, name: str, *, base: str, place: Place, disposable: bool, opts: ResourceOptions | None = None) -> None:
        super().__init__("inferstack:infra:Weights", name, None, opts)
        child = ResourceOptions(parent=self, protect=opts.protect if opts else None)
        self.bucket_name = naming.bucket(base, account_id=place.account_id, region=place.region)
        self.key = aws.kms.Key(
            f"{name}-key",
            description=f"weights, secrets and logs of {naming.prefix(base)}",
            enable_key_rotation=True,
            deletion_window_in_days=KEY_WAIT_DAYS,
            policy=documents.key(place, base),
            opts=child,
        )
        # Not deleted with the key: a key only waits for its deletion, and its alias would stand in the way of the next base for a week.
        aws.kms.Alias(f"{name}-alias", name=naming.key_alias(base), target_key_id=self.key.key_id, opts=child)
        self.bucket = aws.s3.Bucket(f"{name}-bucket", bucket=self.bucket_name, force_destroy=disposable, opts=child)
        inside = _with(child, self.bucket)
        aws.s3.BucketOwnershipControls(
            f"{name}-owner", bucket=self.bucket.id, rule={"object_ownership": "BucketOwnerEnforced"}, opts=inside
        )
        shut = aws.s3.BucketPublicAccessBlock(
            f"{name}-private",
            bucket=self.bucket.id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=inside,
        )
        aws.s3.BucketVersioning(f"{name}-versions", bucket=self.bucket.id, versioning_configuration={"status": "Enabled"}, opts=inside)
        aws.s3.BucketServerSideEncryptionConfiguration(
            f"{name}-encryption", bucket=self.bucket.id, rules=[_encrypted_with(self.key)], opts=inside
        )
        aws.s3.BucketLifecycleConfiguration(f"{name}-lifecycle", bucket=self.bucket.id, rules=[_lifecycle()], opts=inside)
        policy = documents.tls_only(self.bucket_name)
        aws.s3.BucketPolicy(f"{name}-tls", bucket=self.bucket.id, policy=policy, opts=_after(inside, shut))
        self.register_outputs({"bucket": self.bucket_name, "kmsKeyArn": self.key.arn})


def _encrypted_with(key: aws.kms.Key) -> aws.s3.BucketServerSideEncryptionConfigurationRuleArgs:
    default = {"sse_algorithm": "aws:kms", "kms_master_key_id": key.arn}
    return aws.s3.BucketServerSideEncryptionConfigurationRuleArgs(
        apply_server_side_encryption_by_default=default,
        bucket_key_enabled=True,
    )


def _lifecycle() -> aws.s3.BucketLifecycleConfigurationRuleArgs:
    return aws.s3.BucketLifecycleConfigurationRuleArgs(
        id="tidy",
        status="Enabled",
        filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=""),
        abort_incomplete_multipart_upload=aws.s3.BucketLifecycleConfigurationRuleAbortIncompleteMultipartUploadArgs(
            days_after_initiation=ABORT_UPLOADS_AFTER_DAYS
        ),
        noncurrent_version_expiration=aws.s3.BucketLifecycleConfigurationRuleNoncurrentVersionExpirationArgs(
            noncurrent_days=OLD_VERSIONS_DAYS
        ),
    )


def _with(options: ResourceOptions, owner: pulumi.Resource) -> ResourceOptions:
    """Return options for a resource without tags of its own, which dies with its owner."""
    return ResourceOptions.merge(options, ResourceOptions(deleted_with=owner))


def _after(options: ResourceOptions, first: pulumi.Resource) -> ResourceOptions:
    return ResourceOptions.merge(options, ResourceOptions(depends_on=[first]))
