"""sizing.catalog: names that exist, and what is said to names that do not."""

from __future__ import annotations

import pytest

from inferstack.records.errors import InputError
from sizing.catalog import find_gpu, find_instance, find_model, instances


@pytest.mark.parametrize("name", ["meta-llama/Llama-3.3-70B-Instruct", "llama-3.3-70b-instruct", "Llama-3.3-70B"])
def test_a_model_is_found_by_id_last_part_and_alias(name: str) -> None:
    """Case does not matter."""
    assert "meta-llama/Llama-3.3-70B-Instruct" == find_model(name).id


def test_llama_3_4_is_told_that_it_was_never_released() -> None:
    """A wrong claim in circulation is contradicted, with the nearest real model; exit code 2."""
    with pytest.raises(InputError, match="never released") as raised:
        find_model("meta-llama/Llama-3.4-70B")
    assert 2 == raised.value.code
    assert "meta-llama/Llama-3.3-70B-Instruct" in raised.value.message


def test_p5_xlarge_is_told_the_two_sizes_that_exist() -> None:
    """A wrong claim in circulation is contradicted."""
    with pytest.raises(InputError, match=r"p5\.4xlarge, p5\.48xlarge"):
        find_instance("p5.xlarge")


@pytest.mark.parametrize(
    ("name", "gpu"), [("H100", "H100-SXM-80"), ("A100-40", "A100-SXM-40"), ("rtx4090", "RTX-4090"), ("RTX PRO 6000", "RTX-PRO-6000-SE")]
)
def test_a_gpu_is_found_by_its_usual_short_name(name: str, gpu: str) -> None:
    """Names of the batch interface."""
    assert gpu == find_gpu(name).id


def test_a_misspelt_gpu_is_told_the_nearest() -> None:
    """One line, nearest real names."""
    with pytest.raises(InputError, match="H100-SXM-80"):
        find_gpu("H10O")


def test_neuron_and_cpu_types_say_why_no_plan_uses_them() -> None:
    """Every type without a usable GPU carries a reason."""
    assert all(one.why_unsupported for one in instances() if one.category != "gpu")
    assert "Neuron" in str(find_instance("inf2.xlarge").why_unsupported)
