"""The way of a refresh as it is: boto3 over HTTP to the embedded AWS, into the file that plans read. Prices here are synthetic."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from inferstack.pricing.rates import own_prices, rates
from inferstack.records.errors import CloudRefused, InputError
from inferstack.sandbox.aws import daemon_record
from inferstack.sandbox.control import FaultSpec, Sandbox
from infra.calls import aws, prices
from infra.calls.aws import Aws
from infra.calls.prices import Refreshed

GOLDEN = Path(__file__).parent / "golden"
DAY, LATER = datetime(2026, 11, 27, 12, tzinfo=UTC), datetime(2026, 12, 5, 12, tzinfo=UTC)


class NoHosts:
    kind, note, bridge, gateway, package_proxy_url, artefacts_path = "fake", "not real", "br0", "127.0.0.3", "", "/mnt/artefacts"

    def open(self, say: Callable[[str], None]) -> None:
        say("opened")

    def hosts(self) -> tuple[Any, ...]:
        return ()

    def stop(self, instance_id: str) -> None:
        raise AssertionError("there are no hosts")

    def close(self) -> None:
        pass


class AsIfReal(Aws):
    """The embedded AWS in the place of a real account, to see what a plan makes of it."""

    rehearsal = False  # type: ignore[assignment]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work") / "sandbox"


@pytest.fixture(scope="module")
def cloud(folder: Path) -> Iterator[Any]:
    from moto.moto_api._internal.models import moto_api_backend

    from inferstack.sandbox.aws.embedded_aws import EmbeddedAws

    folder.mkdir()
    moto_api_backend.reset()
    made = EmbeddedAws(folder, launcher=NoHosts())  # type: ignore[arg-type]
    with made.served():
        daemon_record.write(folder, made.as_record())
        yield made


@pytest.fixture(autouse=True)
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INFERSTACK_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def fault(cloud: Any, folder: Path) -> Iterator[Callable[[str], None]]:
    sandbox = Sandbox(folder)
    yield lambda text: sandbox.inject([FaultSpec.parse(text)])
    sandbox.clear_faults()


@pytest.fixture
def refresh(cloud: Any) -> Callable[..., Refreshed]:
    def of(region: str = "eu-central-1", *, now: datetime = DAY, kind: type[Aws] = Aws) -> Refreshed:
        made: dict[str, Aws] = {}
        return prices.refresh(
            region,
            lambda name: made.setdefault(name, kind(name, endpoint_url=cloud.info.endpoint_url, access_key=cloud.access_key)),
            now=now,
        )

    return of


@pytest.mark.parametrize("region", ["eu-central-1", "us-east-1"])
def test_the_recorded_answers_give_exactly_the_golden_facts(region: str, refresh: Callable[..., Refreshed]) -> None:
    """Zero-price rows, prefixed usage types, a price per GiB/s, steps, pages, a second currency, an announced price: none is misread."""
    done = refresh(region)
    assert {} == done.failed
    assert (GOLDEN / f"prices-{region}.json").read_text(encoding="utf-8") == done.path.read_text(encoding="utf-8")


def test_the_golden_facts_are_the_sums_of_the_synthetic_prices() -> None:
    """By hand, from recorded/prices.json: price x 1.1 in eu-central-1, in the unit of the rate."""
    content = json.loads((GOLDEN / "prices-eu-central-1.json").read_text(encoding="utf-8"))
    usd = {(one["key"], one.get("zone")): one["usd"] for one in content["records"]}
    by_hand = {
        "ec2/on-demand/p5.48xlarge": 56.5 * 1.1,  # not $0.00
        "ec2/on-demand/g6.xlarge": 0.91 * 1.1,  # not Windows, dedicated or reserved and unused
        "vpc/nat-gateway/hour": 0.046 * 1.1,  # not the local zone's, the announced one, or CNY
        "ebs/gp3/throughput": 40.96 * 1.1 / 1024,
        "s3/standard/put": 0.0000051 * 1.1 * 1_000,
        "kms/requests": 0.0000031 * 1.1 * 10_000,  # the first step is free
        "transfer/internet/over-150tb": 0.051 * 1.1,
        "ec2/savings-plan-3y/p5.48xlarge": 31.5 * 1.1,
        "ec2/capacity-block/p5.48xlarge": 787.2 * 1.1 / 24 / 8,  # the dearer of two offerings
        "fsx-lustre/persistent2-ssd-125/storage": 0.146 * 1.1,
    }
    assert by_hand == {key: pytest.approx(usd[(key, None)], rel=1e-4) for key in by_hand}
    spot = {"euc1-az1": 0.41 * 1.1, "euc1-az2": 0.38 * 1.1}  # the newest of each zone, under the zone's id
    assert {zone: pytest.approx(value) for zone, value in spot.items()} == {zone: usd[("ec2/spot/g6.xlarge", zone)] for zone in spot}


def test_a_second_refresh_of_the_day_appends_nothing(refresh: Callable[..., Refreshed]) -> None:
    """The same reading twice is one reading; the file is not even written."""
    first = refresh()
    before = first.path.stat().st_mtime_ns
    assert (60, 0) == (first.appended, refresh().appended)
    assert before == first.path.stat().st_mtime_ns


def test_a_later_refresh_appends_and_leaves_what_stood(refresh: Callable[..., Refreshed]) -> None:
    """Every reading keeps its date; the old part of the file is the beginning of the new one."""
    path = refresh().path
    before = json.loads(path.read_text(encoding="utf-8"))["records"]
    assert 60 == refresh(now=LATER).appended
    after = json.loads(path.read_text(encoding="utf-8"))["records"]
    assert before == after[:60]
    assert {"2026-12-05"} == {one["as_of"] for one in after[60:]}


def test_the_newest_reading_counts_in_a_real_world(cloud: Any, refresh: Callable[..., Refreshed], monkeypatch: pytest.MonkeyPatch) -> None:
    """Older facts stay readable behind it, of both kinds."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, cloud.access_key)
    refresh(kind=AsIfReal)
    rate = rates.on_demand("g6.xlarge", "eu-central-1")
    assert rate is not None
    assert (pytest.approx(1.001), "2026-11-27", "verified") == (rate.usd, str(rate.as_of), rate.confidence)
    assert ["2026-01-21", "2026-11-27"] == [str(one.as_of) for one in rates.history("ec2/on-demand/g6.xlarge", "eu-central-1")
                                            if one.region == "eu-central-1"]  # fmt: skip
    gateway = rates.rate("vpc/nat-gateway/hour", "eu-central-1")
    assert gateway is not None and gateway.source == "AWS Price List Query API, GetProducts, read on 2026-11-27"
    assert 8 == rates.accelerators("g9x.48xlarge")


def test_what_a_rehearsal_reads_never_reaches_a_plan(refresh: Callable[..., Refreshed]) -> None:
    """Synthetic prices lie in a folder of their own, say so in their source, and are refused where plans look."""
    before = rates.on_demand("g6.xlarge", "eu-central-1")
    done = refresh()
    assert before == rates.on_demand("g6.xlarge", "eu-central-1")
    content = json.loads(done.path.read_text(encoding="utf-8"))
    assert content["rehearsal"] and all(text.startswith("SYNTHETIC") for text in content["sources"].values())
    moved = own_prices.path_of("eu-central-1")
    moved.parent.mkdir(parents=True)
    moved.write_bytes(done.path.read_bytes())
    with pytest.raises(InputError, match="come from a rehearsal"):
        rates.on_demand("g6.xlarge", "eu-central-1")


def test_every_page_is_asked_for(refresh: Callable[..., Refreshed], cloud: Any, folder: Path) -> None:
    """The list comes five products a page: a query of instances alone has three pages."""
    log = folder / "calls.log"
    before = len(log.read_text().splitlines())
    refresh()
    calls = Counter(line.split()[1] for line in log.read_text().splitlines()[before:])
    assert calls["pricing.GetProducts"] > len(prices.SERVICES) + 2
    assert 2 == calls["savingsplans.DescribeSavingsPlansOfferingRates"]


@pytest.mark.parametrize(
    ("armed", "key", "said"),
    [
        ("PriceMissing@NatGateway-Hours", "vpc/nat-gateway/hour", "no product of AmazonEC2 matches (usage type NatGateway-Hours)"),
        ("PriceMissing@g6e.12xlarge", "ec2/on-demand/g6e.12xlarge", "no product of AmazonEC2 matches (instanceType g6e.12xlarge)"),
        ("PriceUnit@KMS-Keys", "kms/key", "its price is per Fortnights, expected Keys"),
        ("PriceCurrency@g6.xlarge", "ec2/on-demand/g6.xlarge", "its price is in CNY, not in USD"),
        ("PriceCutOff@VolumeUsage.gp3", "ebs/gp3/storage", "a product is incomplete JSON: the page was cut off"),
    ],
)
def test_a_price_that_cannot_be_read_is_one_line_and_the_old_one_counts(
    armed: str, key: str, said: str, refresh: Callable[..., Refreshed], fault: Callable[[str], None]
) -> None:
    """What could be read is kept beside it; the reading of the day before still stands."""
    refresh()
    fault(armed)
    done = refresh(now=LATER)
    assert said == done.failed[key]
    assert key not in done.read and done.appended > 50
    told = [one for one in json.loads(done.path.read_text(encoding="utf-8"))["records"] if one["key"] == key]
    assert ["2026-11-27"] == [one["as_of"] for one in told]


def test_throttling_is_tried_again_and_then_one_refusal(
    refresh: Callable[..., Refreshed], fault: Callable[[str], None], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After it no other query of the price list is sent; spot prices and blocks are another API."""
    monkeypatch.setattr(aws, "ATTEMPTS", 2)
    fault("Throttling@GetProducts")
    before = len((folder / "calls.log").read_text().splitlines())
    done = refresh()
    calls = [line.split()[1:] for line in (folder / "calls.log").read_text().splitlines()[before:]]
    assert 3 == calls.count(["pricing.GetProducts", "400"])
    assert "throttled: ThrottlingException: Rate exceeded" == done.failed["ec2/on-demand/*"]
    assert "not queried: throttled: ThrottlingException: Rate exceeded" == done.failed["kms/key"]
    assert ("ec2/capacity-block/p5.48xlarge", "ec2/capacity-block/p5e.48xlarge") == done.read


def test_where_nothing_is_read_nothing_is_written(
    refresh: Callable[..., Refreshed], fault: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The refusal of AWS ends the command; yesterday's file is untouched."""
    path = refresh().path
    before = path.read_bytes()
    monkeypatch.setattr(aws, "ATTEMPTS", 1)
    fault("UnauthorizedOperation")
    with pytest.raises(CloudRefused, match=r"permission: AccessDeniedException: .*pricing:GetProducts") as caught:
        refresh(now=LATER)
    assert "permission" == caught.value.kind
    assert before == path.read_bytes()


def test_a_region_that_sells_nothing_here_is_refused_with_a_reason(refresh: Callable[..., Refreshed]) -> None:
    """An empty price list is no success."""
    with pytest.raises(CloudRefused, match="sa-east-1: AWS returned no usable price"):
        refresh("sa-east-1")


def test_the_command_reads_from_the_embedded_aws_when_told_to(
    cloud: Any, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`prices refresh --rehearse` is the same code behind the command line; a fault makes it partial: exit code 4."""
    from inferstack.cli import edge

    monkeypatch.setenv("INFERSTACK_DIR", str(folder.parent))
    assert 0 == edge.run(["prices", "refresh", "--rehearse", "--region", "ap-south-1"])
    assert "ap-south-1: 58 prices read, 60 readings added (synthetic: no plan uses them)" in capsys.readouterr().out
    assert 4 == edge.run(["prices", "refresh", "--rehearse", "--region", "ap-south-1", "--fault", "PriceUnit@KMS-Keys", "--json"])
    said = capsys.readouterr()
    document, lines = json.loads(said.out), said.err.splitlines()
    assert {"kms/key": "its price is per Fortnights, expected Keys"} == document["regions"][0]["failed"]
    told = "1 price could not be read in ap-south-1; the others were stored"
    assert [f"Error: {told}", "inferstack prices refresh --region ap-south-1 --rehearse"] == lines[-2:]
    assert {"code": 4, "message": told, "hint": lines[-1]} == document["error"]
