import asyncio

from hypothesis import given
from hypothesis import strategies as st

from streamer.tracking.latest import Latest


async def taken(latest):
    return [item async for item in latest]


async def test_items_taken_in_time_all_arrive():
    latest = Latest()
    task = asyncio.create_task(taken(latest))
    for item in range(5):
        latest.put(item)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    latest.close()
    assert await task == [0, 1, 2, 3, 4]
    assert latest.dropped == 0


async def test_an_item_not_taken_gives_way_to_the_newer_and_is_counted():
    latest = Latest()
    for item in range(5):
        latest.put(item)
    latest.close()
    assert await taken(latest) == [4]
    assert latest.dropped == 4


async def test_closing_gives_what_waits_and_ends():
    latest = Latest()
    task = asyncio.create_task(taken(latest))
    await asyncio.sleep(0.01)
    latest.put("last")
    latest.close()
    assert await asyncio.wait_for(task, 1) == ["last"]


async def test_closed_and_empty_it_ends_at_once():
    latest = Latest()
    latest.close()
    assert await asyncio.wait_for(taken(latest), 1) == []


async def test_what_comes_while_the_taker_is_busy_waits_as_one():
    latest, seen = Latest(), []
    latest.put(0)
    async for item in latest:
        seen.append(item)
        if item == 0:
            for newer in (1, 2, 3):
                latest.put(newer)
            latest.close()
    assert seen == [0, 3]
    assert latest.dropped == 2


@given(busy=st.lists(st.integers(0, 4), min_size=1, max_size=20))
def test_each_item_is_taken_or_counted_as_dropped_and_order_holds(busy):
    async def scenario():
        latest, seen = Latest(), []

        async def take():
            async for item in latest:
                seen.append(item)
                await asyncio.sleep(0)

        task = asyncio.create_task(take())
        for item, pause in enumerate(busy):
            latest.put(item)
            for _ in range(pause):
                await asyncio.sleep(0)
        latest.close()
        await asyncio.wait_for(task, 1)
        assert seen == sorted(seen)
        assert seen[-1] == len(busy) - 1
        assert len(seen) + latest.dropped == len(busy)

    asyncio.run(scenario())
