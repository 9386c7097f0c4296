"""The nodes' image: AWS's Deep Learning Base GPU AMI for Ubuntu 24.04, resolved once to a literal id so that no later run changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from inferstack.records.errors import CloudRefused

if TYPE_CHECKING:
    from infra.calls.aws import Aws

# https://docs.aws.amazon.com/dlami/latest/devguide/aws-deep-learning-x86-base-gpu-ami-ubuntu-24-04.html
NAME = "/aws/service/deeplearning/ami/x86_64/base-oss-nvidia-driver-gpu-ubuntu-24.04/latest/ami-id"


def newest(aws: Aws) -> str:
    """Raises CloudRefused where the region has none."""
    from infra.calls.aws import code_of, refused

    try:
        return str(aws.client("ssm").get_parameter(Name=NAME)["Parameter"]["Value"])
    except Exception as error:  # noqa: BLE001  refused() gives back what is not AWS's
        if code_of(error) == "ParameterNotFound":
            raise CloudRefused(f"unsupported: {aws.region} has no {NAME}", kind="unsupported", hint="give an image with --ami") from None
        raise refused(error) from None
