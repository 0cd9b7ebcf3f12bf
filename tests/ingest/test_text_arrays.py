"""What is told of arrays of text from their buffers is what their values say."""

import pyarrow as pa
from hypothesis import example, given
from hypothesis import strategies as st

from ingest.text_arrays import has_byte, longest, nulled, trimmed

words = st.one_of(st.none(), st.text("ab\u00e9 \t\u00a0\u3000", max_size=4))


@given(st.lists(words, max_size=9), st.integers(0, 3))
@example(["a", "", " b", ""], 1)
@example(["", "", None], 0)
@example([" ", "a"], 1)
def test_arrays_are_looked_at_as_their_values_are(texts: list[str | None], first: int) -> None:
    array = pa.array(texts, pa.string()).slice(first)
    texts = texts[first:]
    assert trimmed(array).to_pylist() == [text and text.strip() for text in texts]
    assert longest(array) == max((len(text.encode()) for text in texts if text), default=0)
    assert has_byte(array, b"a") == any("a" in (text or "") for text in texts)
    for named in (("",), ("a", ""), ("a",), ()):
        found = nulled(array, named)
        found.validate(full=True)
        assert found.to_pylist() == [None if text in named else text for text in texts]
