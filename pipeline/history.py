"""Stories before and after -> what became of those whose id is gone, and what came out of others.

In: the story of each article before and after a regrouping of whole stories. Out:
events, in order of the ids.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from pipeline.records import StoryEvent

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from pipeline.records import Group


def story_events(
    before: Mapping[int, int],
    stories: Mapping[int, Group],
    cause: Callable[[Collection[int]], int | None],
) -> list[StoryEvent]:
    """What became of stories.

    A story whose id is not in use any more is `merged` into the one that holds its
    founder, else most of its articles. A story with an id that is new is `split`
    from the one that most of its articles were in, if they were in any. An
    article that goes from one story to another that lives on is no event.

    Args:
        before: the story of each article that was in one.
        stories: all stories that hold one of these articles now, by id.
        cause: the article that made it, of those of the story that is there now.
    """
    after = {k: story_id for story_id, group in stories.items() for k in group.members}
    went: dict[int, Counter[int]] = defaultdict(Counter)
    came: dict[int, Counter[int]] = defaultdict(Counter)
    for k, old in before.items():
        if k in after:
            went[old][after[k]] += 1
            came[after[k]][old] += 1
    heirs = {
        old: min(parts, key=lambda k: (old not in stories[k].members, -parts[k], stories[k].members))
        for old, parts in sorted(went.items())
        if old not in stories
    }
    origins = {new: _most(parts) for new, parts in sorted(came.items()) if new not in went}
    return [
        *(StoryEvent(old, "merged", heir, cause(stories[heir].members)) for old, heir in heirs.items()),
        *(StoryEvent(origin, "split", new, cause(stories[new].members)) for new, origin in origins.items()),
    ]


def _most(counted: Counter[int]) -> int:
    return min(counted, key=lambda k: (-counted[k], k))
