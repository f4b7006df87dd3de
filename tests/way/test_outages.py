"""Servers go away and come back: every radiograph that was promised is assessed, and assessed once."""

import pytest
import redis

from db.vocabulary import Sex
from tests.encodings import eight_bit
from tests.way.running import SUCCESS, Way
from training.phantom import draw

PICTURE = draw(120, Sex.MALE, seed=11, rows=400).image


def test_ten_sent_while_postgresql_is_stopped_and_twenty_queued_in_a_redis_that_is_flushed(way: Way) -> None:
    stack = way.stack
    sent_without_database = [eight_bit(PICTURE) for _ in range(10)]
    stack.postgres.stop()
    assert way.send(sent_without_database) == [SUCCESS] * 10
    stack.postgres.start()
    way.wait_for_ends(sent_without_database)

    with way.without("read"):
        queued = [eight_bit(PICTURE) for _ in range(20)]
        assert way.send(queued) == [SUCCESS] * 20
        with redis.Redis.from_url(stack.redis.url) as client:
            way.wait_until(lambda: client.llen("read") == 20, "twenty messages in the queue")
            client.flushall()

    sent = sent_without_database + queued
    assert [row["state"] for row in way.wait_for_ends(sent)] == ["COMPLETED"] * 30
    assert len(way.results(sent)) == 30
    assessments = way.sql(
        "SELECT count(*) AS n FROM assessment JOIN radiograph ON radiograph.id = radiograph_id"
        " WHERE sop_instance_uid = ANY(%s)",
        [str(data_set.SOPInstanceUID) for data_set in sent],
    )
    assert assessments == [{"n": 30}]
    assert list((stack.store / "inbox").iterdir()) == []


@pytest.mark.long  # `tests/faults` kills each of them in the short form too
def test_workers_killed_in_full_work_lose_nothing_and_double_nothing(way: Way) -> None:
    sent = [eight_bit(PICTURE) for _ in range(12)]
    assert way.send(sent) == [SUCCESS] * 12
    for name in ("read", "assess"):
        way.stack.processes[name].kill()  # with messages taken and not acknowledged
    assert [row["state"] for row in way.wait_for_ends(sent)] == ["COMPLETED"] * 12
    assert len(way.results(sent)) == 12
