"""Budgets: update, and tags. moto has neither."""

from __future__ import annotations

import json
from typing import Any

from moto.budgets.exceptions import NotFoundException
from moto.budgets.models import Budget
from moto.budgets.responses import BudgetsResponse

from inferstack.sandbox.aws.gaps.patch import Patch
from inferstack.sandbox.aws.world import SandboxWorld


def patches(world: SandboxWorld) -> list[Patch]:
    return [
        Patch(BudgetsResponse, "create_budget", _creating),
        Patch(BudgetsResponse, "update_budget", lambda _: _update),
        Patch(BudgetsResponse, "list_tags_for_resource", lambda _: _tags),
        Patch(BudgetsResponse, "tag_resource", lambda _: _tag),
        Patch(BudgetsResponse, "untag_resource", lambda _: _untag),
        Patch(BudgetsResponse, "describe_subscribers_for_notification", lambda _: _subscribers),
    ]


def _creating(moto: Any) -> Any:
    def create_budget(self: BudgetsResponse) -> str:
        answer = str(moto(self))
        name = self._get_param("Budget")["BudgetName"]
        _budget(self, name).tags = {tag["Key"]: tag["Value"] for tag in self._get_param("ResourceTags") or []}
        return answer

    return create_budget


def _update(self: BudgetsResponse) -> str:
    new = self._get_param("NewBudget")
    old = _budget(self, new["BudgetName"])
    changed: Any = Budget(new, [])
    changed.notifications, changed.tags = old.notifications, old.tags
    self.backend.budgets[self._get_param("AccountId")][new["BudgetName"]] = changed
    return json.dumps({})


def _tags(self: BudgetsResponse) -> str:
    return json.dumps({"ResourceTags": [{"Key": k, "Value": v} for k, v in _by_arn(self).tags.items()]})


def _tag(self: BudgetsResponse) -> str:
    _by_arn(self).tags |= {tag["Key"]: tag["Value"] for tag in self._get_param("ResourceTags")}
    return json.dumps({})


def _untag(self: BudgetsResponse) -> str:
    for key in self._get_param("ResourceTagKeys"):
        _by_arn(self).tags.pop(key, None)
    return json.dumps({})


def _subscribers(self: BudgetsResponse) -> str:
    wanted = self._get_param("Notification")
    found = [n.subscribers for n in _budget(self, self._get_param("BudgetName")).notifications if wanted.items() <= n.details.items()]
    return json.dumps({"Subscribers": found[0] if found else []})


def _by_arn(self: BudgetsResponse) -> Any:
    return _budget(self, str(self._get_param("ResourceARN")).split(":budget/", 1)[-1])


def _budget(self: BudgetsResponse, name: str) -> Any:
    account_id = self._get_param("AccountId") or self.current_account
    if name not in self.backend.budgets[account_id]:
        raise NotFoundException(f"Unable to get budget: {name} - the budget doesn't exist.")
    return self.backend.budgets[account_id][name]
