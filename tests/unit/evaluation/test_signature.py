"""The signature line: what it looks like, and that it can be read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salin.errors import DataError
from salin.evaluation import Signature

names = st.text(min_size=1, max_size=8)


def test_looks_like_this() -> None:
    signature = Signature(
        labels=("LOC", "ORG", "PER"), n=1517, data="0123456789ab", seeds=(95, 495), windows="128/63", salin="0.1.0"
    )
    assert str(signature) == (
        "salin:0.1.0|scheme:IOB2|repair:conlleval|labels:LOC+ORG+PER|counted:all|windows:128/63|seeds:95,495|n:1517"
        "|data:0123456789ab"
    )


def test_what_is_empty_says_so() -> None:
    line = str(Signature(labels=("PER",), n=1, data="", counted=("PER",)))
    assert (
        line == "salin:none|scheme:IOB2|repair:conlleval|labels:PER|counted:PER|windows:none|seeds:none|n:1|data:none"
    )


@given(
    st.builds(
        Signature,
        labels=st.lists(names).map(tuple),
        n=st.integers(0),
        data=st.text("0123456789abcdef", max_size=12),
        counted=st.lists(names).map(tuple),
        seeds=st.lists(st.integers(0)).map(tuple),
        windows=names,
        scheme=names,
        repair=names,
        salin=names,
    )
)
def test_can_be_read_back_whatever_is_in_it(signature: Signature) -> None:
    assert Signature.parse(str(signature)) == signature


@pytest.mark.parametrize("line", ["", "salin:0.1", "no signature at all", "salin:1|n:x"])
def test_other_lines_are_refused(line: str) -> None:
    with pytest.raises(DataError, match="not a signature"):
        Signature.parse(line)
