"""aws:budgets budget, with its notifications. The service is global: it lives in us-east-1 whatever the region."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from inferstack.sandbox.provider.cloud.clients import Cloud
from inferstack.sandbox.provider.cloud.guard import ACCOUNT
from inferstack.sandbox.provider.properties.casing import camel, pascal
from inferstack.sandbox.provider.properties.values import Given, project, same
from inferstack.sandbox.provider.resources import tags
from inferstack.sandbox.provider.resources.resource_type import FREE, OWN_ROW, Name, ResourceType, State, Tagger, names

LIMITS = names("limitAmount limitUnit timeUnit timePeriodStart timePeriodEnd costFilters costTypes")
TIME = "%Y-%m-%d_%H:%M"
SUBSCRIBERS = {"subscriberEmailAddresses": "EMAIL", "subscriberSnsTopicArns": "SNS"}


def types() -> list[ResourceType]:
    return [
        ResourceType(
            token="aws:budgets/budget:Budget",
            service="budgets",
            home="us-east-1",
            operation="create_budget",
            request=lambda i: {
                "AccountId": ACCOUNT,
                "Budget": _budget(i),
                "NotificationsWithSubscribers": [_notification(each) for each in i["notifications"] or ()] or None,
                "ResourceTags": tags.pairs(i["tagsAll"]),
            },
            identify=lambda answer, i: f"{ACCOUNT}:{i['name']}",
            read=_read,
            converge=_converge,
            delete=lambda cloud, id, i: cloud.client("budgets").delete_budget(AccountId=ACCOUNT, BudgetName=_name(id)),
            fixed=names("name namePrefix budgetType accountId"),
            mutable=LIMITS | names("notifications"),
            filled=names("accountId costFilters costTypes timePeriodStart timePeriodEnd limitAmount limitUnit"),
            name=Name(longest=100),
            tagger=Tagger(
                put=lambda cloud, state, found: cloud.client("budgets").tag_resource(
                    ResourceARN=state["arn"], ResourceTags=tags.pairs(found)
                ),
                drop=lambda cloud, state, keys: cloud.client("budgets").untag_resource(ResourceARN=state["arn"], ResourceTagKeys=keys),
            ),
            wrong=_wrong,
            sweep=OWN_ROW,
            price=FREE,
            actions=names("budgets:ViewBudget budgets:ModifyBudget budgets:ListTagsForResource budgets:TagResource budgets:UntagResource"),
        )
    ]


def _wrong(i: Given) -> dict[str, str]:
    if i["accountId"] not in (None, ACCOUNT):
        return {"accountId": f"the rehearsal serves {ACCOUNT} only"}
    for name in ("timePeriodStart", "timePeriodEnd"):
        if i[name] and not _is_time(i[name]):
            return {name: f"{i[name]!r} is not of the form 2017-01-01_12:00"}
    return {}


def _is_time(text: str) -> bool:
    try:
        return bool(datetime.strptime(text, TIME))
    except ValueError:
        return False


def _name(id: str) -> str:
    return id.split(":", 1)[1]


def _budget(i: Given) -> dict[str, Any]:
    filters = {each["name"]: list(each["values"]) for each in i["costFilters"] or ()}
    period = {"Start": _parsed(i["timePeriodStart"]), "End": _parsed(i["timePeriodEnd"])}
    return {
        "BudgetName": i["name"],
        "BudgetType": i["budgetType"],
        "TimeUnit": i["timeUnit"],
        "BudgetLimit": {"Amount": i["limitAmount"], "Unit": i["limitUnit"]} if i["limitAmount"] else None,
        "CostFilters": filters or None,
        "CostTypes": pascal(i["costTypes"]) if i["costTypes"] else None,
        "TimePeriod": period if any(period.values()) else None,
    }


def _parsed(text: str | None) -> datetime | None:
    return datetime.strptime(text, TIME) if text and _is_time(text) else None


def _notification(given: Mapping[str, Any]) -> dict[str, Any]:
    return {"Notification": _of(given), "Subscribers": _subscribers(given)}


def _of(given: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "NotificationType": given.get("notificationType"),
        "ComparisonOperator": given.get("comparisonOperator"),
        "Threshold": given.get("threshold"),
        "ThresholdType": given.get("thresholdType"),
    }


def _subscribers(given: Mapping[str, Any]) -> list[dict[str, str]]:
    return [{"SubscriptionType": kind, "Address": each} for name, kind in SUBSCRIBERS.items() for each in given.get(name) or ()]


def _read(cloud: Cloud, id: str, i: Given) -> State | None:
    budgets = cloud.client("budgets")
    found = budgets.describe_budget(AccountId=ACCOUNT, BudgetName=_name(id))["Budget"]
    arn = cloud.arn("budgets", f"budget/{_name(id)}", regional=False)
    filters = [{"name": name, "values": values} for name, values in sorted(found.get("CostFilters", {}).items())]
    return {
        "id": id,
        "arn": arn,
        "accountId": ACCOUNT,
        "name": found["BudgetName"],
        "namePrefix": "",
        "budgetType": found["BudgetType"],
        "timeUnit": found["TimeUnit"],
        "limitAmount": _amount(found.get("BudgetLimit", {}).get("Amount"), i["limitAmount"]),
        "limitUnit": found.get("BudgetLimit", {}).get("Unit"),
        "costFilters": filters,
        "notifications": _notifications(budgets, _name(id), i["notifications"]),
        "tagsAll": tags.mapping(budgets.list_tags_for_resource(ResourceARN=arn).get("ResourceTags")),
        **({"costTypes": camel(found["CostTypes"])} if found.get("CostTypes") else {}),
        **_period(found.get("TimePeriod", {}), i),
    }


def _amount(found: str | None, wanted: str | None) -> str | None:
    """AWS answers 100 as 100.0: the same number is the same amount."""
    return wanted if found and wanted and float(found) == float(wanted) else found


def _period(found: Mapping[str, Any], i: Given) -> dict[str, str]:
    names = {"timePeriodStart": found.get("Start"), "timePeriodEnd": found.get("End")}
    return {name: when.strftime(TIME) for name, when in names.items() if isinstance(when, datetime)}


def _notifications(budgets: Any, name: str, wanted: list[Mapping[str, Any]] | None) -> list[dict[str, Any]]:
    """Return the notifications in the program's order where AWS has the same ones."""
    found = budgets.describe_notifications_for_budget(AccountId=ACCOUNT, BudgetName=name).get("Notifications", [])
    shown = [_shown(budgets, name, each) for each in found]
    order = [_key(each) for each in wanted or ()]
    return sorted(shown, key=lambda each: order.index(_key(each)) if _key(each) in order else len(order))


def _shown(budgets: Any, name: str, found: Mapping[str, Any]) -> dict[str, Any]:
    notification = {key: found[key] for key in ("NotificationType", "ComparisonOperator", "Threshold", "ThresholdType") if key in found}
    answer = budgets.describe_subscribers_for_notification(AccountId=ACCOUNT, BudgetName=name, Notification=notification)
    of = {ours: [s["Address"] for s in answer["Subscribers"] if s["SubscriptionType"] == kind] for ours, kind in SUBSCRIBERS.items()}
    return {**camel(notification), **of}


def _key(given: Mapping[str, Any]) -> tuple[Any, ...]:
    return (given["notificationType"], given["comparisonOperator"], float(given["threshold"]), given["thresholdType"])


def _converge(cloud: Cloud, state: State, wanted: Given) -> None:
    budgets, name = cloud.client("budgets"), state["name"]
    if any(wanted[each] is not None and not same(project(wanted[each], state.get(each)), wanted[each]) for each in LIMITS):
        budget = {key: value for key, value in _budget(wanted).items() if value is not None}
        budgets.update_budget(AccountId=ACCOUNT, NewBudget=budget)
    _converge_notifications(budgets, name, state["notifications"], wanted["notifications"] or [])


def _converge_notifications(budgets: Any, name: str, has: Iterable[Mapping[str, Any]], wanted: Iterable[Mapping[str, Any]]) -> None:
    """A notification is known by what it says; one whose subscribers differ is made anew."""
    found, asked = {_key(each): each for each in has}, {_key(each): each for each in wanted}
    stale = [each for key, each in found.items() if key not in asked or not same(project(asked[key], each), asked[key])]
    for each in stale:
        budgets.delete_notification(AccountId=ACCOUNT, BudgetName=name, Notification=_of(each))
    kept = found.keys() - {_key(each) for each in stale}
    for key, each in asked.items():
        if key not in kept:
            budgets.create_notification(AccountId=ACCOUNT, BudgetName=name, **_notification(each))
