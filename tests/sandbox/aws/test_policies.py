"""What policies say, with their conditions."""

from __future__ import annotations

from typing import Any

import pytest

from inferstack.sandbox.aws.rights import policies

ALLOW = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}


def deny(condition: dict[str, Any]) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/*", "Condition": condition}


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ({"Bool": {"aws:SecureTransport": "false"}}, "allow"),
        ({"Bool": {"aws:SecureTransport": True}}, "deny"),
        ({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, "deny"),
        ({"StringEquals": {"aws:SourceVpce": "vpce-1"}}, "allow"),
        ({"StringEqualsIfExists": {"aws:SourceVpce": "vpce-1"}}, "deny"),
        ({"Null": {"aws:SourceVpce": "true"}}, "deny"),
        ({"StringLike": {"aws:PrincipalAccount": "0000*"}}, "deny"),
        ({"StringNotLike": {"aws:PrincipalAccount": ["0000*", "1*"]}}, "allow"),
        ({"Bool": {"aws:SecureTransport": "true"}, "StringEquals": {"aws:PrincipalAccount": "1"}}, "allow"),
    ],
)
def test_a_condition_decides_whether_its_statement_counts(condition: dict[str, Any], said: str) -> None:
    """All conditions must be met; a key that the call lacks fails a positive and passes a negative test."""
    context = {"aws:SecureTransport": "true", "aws:PrincipalAccount": "000000000000"}
    assert said == policies.says([{"Statement": [ALLOW, deny(condition)]}], "s3:PutObject", "arn:aws:s3:::b/k", context=context)


def test_an_operator_that_is_not_known_is_not_guessed() -> None:
    """Neither met nor unmet: it is said."""
    with pytest.raises(NotImplementedError, match="dategreaterthan"):
        policies.says(
            [{"Statement": deny({"DateGreaterThan": {"aws:SecureTransport": "x"}})}],
            "s3:PutObject",
            "arn:aws:s3:::b/k",
            context={"aws:SecureTransport": "true"},
        )


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ({"Effect": "Allow", "Action": ["EC2:Describe*"], "Resource": "*"}, "allow"),
        ({"Effect": "Allow", "NotAction": "ec2:*", "Resource": "*"}, "nothing"),
        ({"Effect": "Allow", "Action": "ec2:DescribeVpcs", "NotResource": "arn:x"}, "allow"),
        ({"Effect": "Allow", "Action": "ec2:DescribeVpc?", "Resource": "arn:y"}, "nothing"),
    ],
)
def test_actions_fold_case_and_resources_do_not(statement: dict[str, Any], said: str) -> None:
    """IAM's own matching."""
    assert said == policies.says([{"Statement": statement}], "ec2:DescribeVpcs", "*", context={})
