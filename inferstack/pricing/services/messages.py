"""Topics, queues, event buses and functions: charged by the message or the call alone."""

from __future__ import annotations

from collections.abc import Iterator

from inferstack.pricing.bill.lines import Component, free, unpriced, usage_based
from inferstack.pricing.bill.registration import UNKNOWN, Registration, switched_on, word
from inferstack.pricing.bill.whole import Whole
from inferstack.records.preview import BillLine

FREE_PROTOCOLS = ("sqs", "lambda")
RATED_PROTOCOLS = {"email": "sns/email", "email-json": "sns/email", "http": "sns/http", "https": "sns/http"}


def topic(one: Registration, whole: Whole) -> Iterator[BillLine]:
    if switched_on(one.inputs.get("fifoTopic")):
        yield unpriced(one, "messages", "no price of a FIFO topic is known")
    else:
        yield from usage_based(one, Component("messages", "sns/requests"), "requests", whole=whole)


def subscription(one: Registration, whole: Whole) -> Iterator[BillLine]:
    """The free deliveries of an account (1,000 by mail, 100,000 by HTTP) are not taken off."""
    protocol = word(one.inputs, "protocol", default="none")
    if protocol in FREE_PROTOCOLS:
        yield free(one, f"deliveries to {protocol} have no charge")
    elif protocol in RATED_PROTOCOLS:
        yield from usage_based(one, Component(f"deliveries by {protocol}", RATED_PROTOCOLS[protocol]), "notifications", whole=whole)
    else:
        yield unpriced(
            one, "deliveries", f"no price of deliveries by {'a protocol not yet known' if protocol == UNKNOWN else protocol} is known"
        )


def queue(one: Registration, whole: Whole) -> Iterator[BillLine]:
    kind = "fifo" if switched_on(one.inputs.get("fifoQueue")) else "standard"
    yield from usage_based(one, Component("requests", f"sqs/requests/{kind}"), "requests", whole=whole)


def event_bus(one: Registration, whole: Whole) -> Iterator[BillLine]:
    yield from usage_based(one, Component("custom events", "events/custom"), "custom_events", whole=whole)


def function(one: Registration, whole: Whole) -> Iterator[BillLine]:
    arm = "arm64" in word(one.inputs, "architectures", default="")
    yield from usage_based(one, Component("calls", "lambda/requests"), "requests", whole=whole)
    yield from usage_based(one, Component("duration", f"lambda/duration/{'arm' if arm else 'x86'}"), "gb_seconds", whole=whole)


PRICERS = {
    "aws:sns/topic:Topic": topic,
    "aws:sns/topicSubscription:TopicSubscription": subscription,
    "aws:sqs/queue:Queue": queue,
    "aws:cloudwatch/eventBus:EventBus": event_bus,
    "aws:lambda/function:Function": function,
}
