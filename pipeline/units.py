"""An article's matching units: sentence-like stretches of tokens.

In: a text and its tokens. Out: token indices where units begin and end. A split
need not be right in a linguist's eyes, only the same in two copies of a text.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pipeline.layout import sentence_starts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.records import Tokens


def unit_bounds(text: str, tokens: Tokens, min_tokens: int) -> NDArray[np.int64]:
    """Token indices b such that unit k is tokens b[k] to b[k+1]; [0] where there are no tokens.

    Sentences of fewer than `min_tokens` are joined to the next one, a short last
    one to the one before.
    """
    n = len(tokens)
    ends = np.searchsorted(tokens.starts, np.array(sentence_starts(text)[1:], np.int64))
    bounds = [0]
    for end in ends.tolist():
        if end - bounds[-1] >= min_tokens and n - end >= min_tokens:
            bounds.append(end)
    if n:
        bounds.append(n)
    return np.array(bounds, np.int64)
