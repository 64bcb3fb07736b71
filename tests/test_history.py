"""What became of stories."""

from __future__ import annotations

from collections.abc import Collection

from pipeline.clusters import carry_ids
from pipeline.history import story_events
from pipeline.records import Group, StoryEvent


def events(before: dict[int, int], *groups: tuple[int, ...]) -> list[StoryEvent]:
    made = [Group(members) for members in groups]
    ids = carry_ids(made, before)
    return story_events(before, dict(zip(ids, made, strict=True)), min)


def told(before: dict[int, int], *groups: tuple[int, ...]) -> list[tuple[int, str, int | None]]:
    return [(item.story_id, item.event, item.other_story_id) for item in events(before, *groups)]


def test_new_stories_and_growing_ones_are_no_events() -> None:
    assert told({}, (1, 2), (3,)) == []
    assert told({1: 1, 2: 1}, (1, 2, 3)) == []


def test_a_merge_names_the_story_that_lives_on() -> None:
    assert told({1: 1, 2: 2, 3: 2}, (1, 2, 3)) == [(1, "merged", 2)]
    assert told({1: 1, 2: 2, 3: 3}, (3, 2, 1)) == [(2, "merged", 1), (3, "merged", 1)]


def test_a_split_names_the_story_that_came_out() -> None:
    assert told({1: 1, 2: 1, 3: 1, 4: 1}, (1, 2), (3, 4)) == [(1, "split", 3)]


def test_an_article_that_changes_between_stories_that_live_on_is_no_event() -> None:
    assert told({1: 1, 2: 1, 3: 3, 4: 3}, (1,), (3, 4, 2)) == []


def test_a_story_can_go_in_two_directions() -> None:
    before = {1: 1, 2: 1, 3: 1, 4: 4, 5: 4, 6: 4}
    assert told(before, (4, 5, 6, 1), (2, 3)) == [(1, "merged", 4), (1, "split", 2)]


def test_the_cause_is_asked_for_with_the_story_that_is_there_now() -> None:
    asked: list[Collection[int]] = []

    def cause(members: Collection[int]) -> int | None:
        asked.append(members)
        return None

    story_events({1: 1, 2: 2}, {1: Group((2, 1))}, cause)
    assert asked == [(2, 1)]
