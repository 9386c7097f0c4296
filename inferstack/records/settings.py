"""StackConfig: what a stack is told, by the command line or by `pulumi config`; the program reads nothing else."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from inferstack.records.record import Part

STACK_NAME = r"^[a-z][a-z0-9-]{0,29}$"
POLICY_NAME = r"^[A-Za-z0-9_+=,.@-]{1,128}$"


# Of one notification: https://docs.aws.amazon.com/cost-management/latest/userguide/management-limits.html
MOST_MAIL_ADDRESSES = 10
MAIL = re.compile(r"[^@\s,]+@[^@\s,]+\.[^@\s,]+")
TOPIC = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}")


def alarm_addresses(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Raises ValueError for what AWS Budgets can tell nothing."""
    topics = [given for given in addresses if TOPIC.fullmatch(given)]
    for given in addresses:
        if given not in topics and not (MAIL.fullmatch(given) and given.isprintable()):
            raise ValueError(f"{given!r:.60} is neither a mail address nor the ARN of an SNS topic")
    if len(topics) > 1 or len(addresses) - len(topics) > MOST_MAIL_ADDRESSES:
        raise ValueError(f"at most {MOST_MAIL_ADDRESSES} mail addresses and one SNS topic")
    return addresses


# https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html: 50 tags a resource, and what they may hold.
MOST_TAGS, LONGEST_KEY, LONGEST_VALUE = 50, 128, 256
TAG_SIGNS = frozenset("_.:/=+-@")
OWN_TAGS = 5
"""Name, stack, base, key, expiry: what every resource carries of ours."""
OWN_PREFIX, AWS_PREFIX = "inferstack:", "aws:"


def resource_tags(tags: dict[str, str]) -> dict[str, str]:
    """Raises ValueError for tags that AWS would refuse in the middle of a build, and for those that would replace our own."""
    if len(tags) > MOST_TAGS - OWN_TAGS:
        raise ValueError(
            f"{len(tags)} tags: at most {MOST_TAGS - OWN_TAGS}, because AWS allows {MOST_TAGS} per resource and {OWN_TAGS} are in use"
        )
    for key, value in tags.items():
        shown = f"tag {key!r:.60}"
        if not 1 <= len(key) <= LONGEST_KEY:
            raise ValueError(f"{shown}: a key of 1 to {LONGEST_KEY} characters is needed, this one has {len(key)}")
        if len(value) > LONGEST_VALUE:
            raise ValueError(f"{shown}: a value of at most {LONGEST_VALUE} characters is needed, this one has {len(value)}")
        for prefix, whose in ((AWS_PREFIX, "AWS's own"), (OWN_PREFIX, "inferstack's own")):
            if key.lower().startswith(prefix):
                raise ValueError(f"{shown}: keys that begin with {prefix} are {whose}")
        if value.lower().startswith(AWS_PREFIX):
            raise ValueError(f"{shown}: values that begin with {AWS_PREFIX} are AWS's own")
        wrong = next((char for char in key + value if not _fits_a_tag(char)), None)
        if wrong is not None:
            raise ValueError(f"{shown}: {wrong!r} is not allowed; letters, digits, blanks and {' '.join(sorted(TAG_SIGNS))} are")
    return tags


def _fits_a_tag(char: str) -> bool:
    """`[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]`, as in botocore's model of IAM's TagResource."""
    return char in TAG_SIGNS or unicodedata.category(char)[0] in "LZN"


class StackConfig(Part):
    """Keys of the Pulumi configuration `inferstack:<camelCase>`; `region` and `account_id` are aws:region, aws:allowedAccountIds."""

    stack: str = Field(pattern=STACK_NAME)
    kind: Literal["base", "cluster"]
    rehearsal: bool
    region: str = Field(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")
    account_id: str = Field(pattern=r"^[0-9]{12}$")
    plan: str | None = Field(None, description="path of plan.json from the checkout root")
    base: str | None = Field(None, pattern=STACK_NAME)
    expires_at: datetime | None = None
    begins_at: datetime | None = Field(None, description="start time for estimatedUsdUntilExpiry; absent: the time of the command")
    egress: Literal["nat", "none"] = "nat"
    ami_id: str | None = Field(None, pattern=r"^ami-[0-9a-f]+$")
    ssh_public_key: str | None = None
    vpc_id: str | None = Field(None, pattern=r"^vpc-[0-9a-f]+$")
    subnet_ids: tuple[str, ...] = ()
    zones: tuple[str, ...] = Field(
        (), description="of a base: zones of its subnets, empty means every zone; of a cluster: the zones that offer its instance type"
    )
    max_usd_per_hour: float | None = Field(None, gt=0)
    max_usd: float | None = Field(None, gt=0, description="until expires_at")
    usage: str | None = Field(None, min_length=1, description="path of usage.yaml from the checkout root")
    budget_usd_per_month: float = Field(1000.0, gt=0, description="base only")
    budget_alarm_to: tuple[str, ...] = Field((), description="base only: mail addresses (at most 10) or one SNS topic")
    permissions_boundary: str = Field("inferstack-boundary", pattern=POLICY_NAME, description="managed policy that bounds every role")
    tags: dict[str, str] = Field(default_factory=dict)
    protect: bool = Field(True, description="base only: pulumi refuses to destroy it")

    @field_validator("budget_alarm_to")
    @classmethod
    def _can_be_told(cls, addresses: tuple[str, ...]) -> tuple[str, ...]:
        return alarm_addresses(addresses)

    @field_validator("tags")
    @classmethod
    def _are_tags(cls, tags: dict[str, str]) -> dict[str, str]:
        return resource_tags(tags)

    @model_validator(mode="after")
    def _kind_has_what_it_needs(self) -> Self:
        if self.kind == "cluster":
            for name in ("plan", "base", "expires_at", "ami_id", "ssh_public_key"):
                if getattr(self, name) is None:
                    raise ValueError(f"a cluster stack needs {name}")
        return self
