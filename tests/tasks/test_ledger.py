"""Which frames are to be done, against a slow reference; and in which order a plan goes through them."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from napari_sam3_assistant.tasks.frames import Direction
from napari_sam3_assistant.tasks.ledger import Ledger, Leg
from napari_sam3_assistant.tasks.plan import Plan, Visit

COUNT = 9
FRAME = st.integers(0, COUNT - 1)
OBJECT = st.integers(1, 3)
RANGE = st.tuples(FRAME, st.integers(1, COUNT)).map(lambda pair: range(pair[0], min(pair[0] + pair[1], COUNT)))
WANT = st.tuples(RANGE, st.sampled_from(Direction))
ACTS = st.one_of(
    st.tuples(st.just("say"), st.lists(st.tuples(OBJECT, FRAME), min_size=1, max_size=3)),
    st.tuples(st.just("run"), WANT, st.integers(0, 30), st.one_of(st.none(), st.integers(0, 8))),
    st.tuples(st.just("remove"), OBJECT),
)


class Reference:
    """What is said and done, one frame at a time."""

    def __init__(self) -> None:
        self.serial, self.said, self.done = 0, {}, {}

    def say(self, pairs) -> None:
        self.serial += 1
        for object_id, frame in pairs:
            self.said.setdefault(object_id, {})[frame] = self.serial
            self.done.setdefault(object_id, {})[frame] = self.serial

    def remove(self, object_id) -> None:
        self.said.pop(object_id, None)
        self.done.pop(object_id, None)

    def sides(self, object_id, frame):
        """The frames with prompts next to a frame, before and after it; None where there is none."""
        at = self.said[object_id]
        return max((f for f in at if f < frame), default=None), min((f for f in at if f > frame), default=None)

    def origin(self, object_id, frame, direction):
        """Where an object should come from; None where nothing leads to the frame."""
        said, (before, after) = self.said[object_id], self.sides(object_id, frame)
        open_to = [f for f in (before,) if f is not None and direction is not Direction.BACKWARD]
        open_to += [f for f in (after,) if f is not None and direction is not Direction.FORWARD]
        return max(open_to, key=lambda f: said[f], default=None)  # of equal ones the first, which is the earlier

    def stale(self, object_id, frame, origin):
        said, done = self.said[object_id], self.done[object_id].get(frame, 0)
        other = [said[f] for f in self.sides(object_id, frame) if f is not None and f != origin]
        newer = [serial for serial in other if serial > said[origin]]
        return done not in (said[origin], *newer)

    def to_do(self, frames, direction):
        """Triples of (object, frame, origin)."""
        wanted = set()
        for object_id, said in self.said.items():
            for goal in frames:
                origin = None if goal in said else self.origin(object_id, goal, direction)
                if origin is None:
                    continue
                step = 1 if goal > origin else -1
                for frame in range(origin + step, goal + step, step):
                    if self.stale(object_id, frame, origin):
                        wanted.add((object_id, frame, origin))
        return wanted

    def end(self, object_id, frame, origin):
        """Mark what lies beyond a frame where an object is lost, as far as it is to be done."""
        step, marked = (1 if frame > origin else -1), []
        frame += step
        while 0 <= frame < COUNT and frame not in self.said[object_id] and self.stale(object_id, frame, origin):
            self.done[object_id][frame] = self.said[object_id][origin]
            marked.append(frame)
            frame += step
        return marked


def visits(plan: Plan):
    while (visit := plan.visit) is not None:
        yield visit


@settings(max_examples=300, deadline=None)
@given(st.lists(ACTS, max_size=12), WANT)
def test_each_wanted_frame_is_visited_once_from_the_right_prompt_in_order_and_no_other(acts, last):
    ledger, reference = Ledger(COUNT), Reference()
    for act in (*acts, ("run", last, COUNT * 9, None)):
        if act[0] == "say":
            ledger.say(act[1])
            reference.say(act[1])
        elif act[0] == "remove":
            ledger.remove(act[1])
            reference.remove(act[1])
        else:
            (frames, direction), steps, lost_at = act[1:]
            plan, wanted = Plan((), ledger.legs(frames, direction)), reference.to_do(frames, direction)
            seen: Counter = Counter()
            for number, visit in enumerate(visits(plan)):
                if number == steps:
                    break
                left, following = plan.left, plan.following
                legs = plan.go(visit)
                assert {leg.object_id for leg in legs} == {leg.object_id for leg in visit.legs}
                assert plan.left == left - 1
                assert following == (plan.visit.frame if plan.visit else None)
                for leg in legs:
                    seen[leg.object_id, visit.frame, leg.origin] += 1
                    step, done = leg.frames.step, reference.done[leg.object_id]
                    for passed in range(leg.origin + step, visit.frame, step):
                        assert done.get(passed, 0) == leg.serial
                    ledger.did(leg, visit.frame)
                    done[visit.frame] = leg.serial
                    if number == lost_at:
                        marked = reference.end(leg.object_id, visit.frame, leg.origin)
                        assert ledger.end(leg, visit.frame) == marked
                        plan.drop(leg)
                        wanted -= {(leg.object_id, frame, leg.origin) for frame in marked}
            assert all(count == 1 for count in seen.values())
            assert set(seen) <= wanted
            if plan.visit is None:
                assert set(seen) == wanted


def test_a_copy_of_a_ledger_goes_its_own_way():
    ledger = Ledger(4)
    ledger.say([(1, 0)])
    other = ledger.copy()

    other.say([(1, 3)])

    (leg,) = ledger.legs(range(4), Direction.BOTH)
    assert leg == Leg(1, 0, range(1, 4), 1)
    assert [leg.origin for leg in other.legs(range(4), Direction.BOTH)] == [3]


def test_a_run_that_is_stopped_in_the_middle_keeps_what_came_from_the_newer_prompt():
    ledger = Ledger(6)
    ledger.say([(1, 0)])
    ledger.say([(1, 5)])
    (back,) = ledger.legs(range(6), Direction.BOTH)
    for frame in (4, 3):
        ledger.did(back, frame)

    (forward,) = ledger.legs(range(6), Direction.FORWARD)

    assert forward.frames == range(1, 3)


def test_a_frame_that_is_left_out_is_to_be_done_alone():
    ledger = Ledger(6)
    ledger.say([(1, 0)])
    (leg,) = ledger.legs(range(6), Direction.BOTH)
    for frame in (1, 2, 4, 5):
        ledger.did(leg, frame)

    (again,) = ledger.legs(range(6), Direction.BOTH)

    assert (again.frames, again.start, again.origin) == (range(3, 4), 2, 0)
    ledger.did(again, 3)
    assert ledger.end(again, 3) == []


def test_where_an_object_is_lost_a_wider_range_does_not_bring_it_back():
    ledger = Ledger(9)
    ledger.say([(1, 0)])
    (leg,) = ledger.legs(range(0, 4), Direction.FORWARD)
    ledger.did(leg, 1)
    ledger.did(leg, 2)

    assert ledger.end(leg, 2) == [3, 4, 5, 6, 7, 8]
    assert not ledger.legs(range(9), Direction.FORWARD)


def test_prompts_come_first_then_all_legs_forward_then_all_backward():
    first = Visit(4, said={})
    legs = [Leg(1, 2, range(3, 6), 1), Leg(2, 3, range(4, 6), 2), Leg(1, 2, range(1, -1, -1), 1)]
    plan, order = Plan([first], legs), []

    assert plan.left == 6
    while (visit := plan.visit) is not None:
        order.append((visit.frame, [leg.object_id for leg in visit.legs]))
        plan.go(visit)

    assert order == [(4, []), (3, [1]), (4, [1, 2]), (5, [1, 2]), (1, [1]), (0, [1])]
