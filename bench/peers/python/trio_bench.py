# SPDX-License-Identifier: BSL-1.0
"""Trio: trio_bench.py WORKLOAD 1. Fewer repetitions than elsewhere: an operation takes longer."""

import functools

import trio

from measure import (cpu_ms, delays, lateness, main, metric, now, peak_bytes, per_operation,
                     percentiles, resident_bytes, sum_below, timed)  # fmt: skip


async def send_numbers(sender, count):
    async with sender:
        for i in range(count):
            await sender.send(i)


async def round_trips():
    count = 30_000
    there, at_there = trio.open_memory_channel(0)
    back, at_back = trio.open_memory_channel(0)

    async def echo():
        async for value in at_there:
            await back.send(value)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(echo)
        with timed(count):
            for i in range(count):
                await there.send(i)
                assert await at_back.receive() == i
        there.close()


async def many_to_many(capacity, members):
    count = 50_000
    sender, receiver = trio.open_memory_channel(capacity)
    sums = []

    async def consume(receiver):
        mine = 0
        async with receiver:
            async for value in receiver:
                mine += value
        sums.append(mine)

    with timed(count):
        async with trio.open_nursery() as nursery, sender, receiver:
            for _ in range(members):
                nursery.start_soon(send_numbers, sender.clone(), count // members)
                nursery.start_soon(consume, receiver.clone())
    assert sum(sums) == members * sum_below(count // members)


async def nothing():
    pass


async def spawn_many():
    count = 50_000
    with timed(count):
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(nothing)


async def spawn_one_by_one():
    count = 20_000
    with timed(count):
        for _ in range(count):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(nothing)


async def skynet(first, size, results):
    if size == 1:
        results.append(first)
        return
    below = []
    async with trio.open_nursery() as nursery:
        for i in range(10):
            nursery.start_soon(skynet, first + i * (size // 10), size // 10, below)
    results.append(sum(below))


async def skynet_tree():
    results = []
    with timed(11_111):
        await skynet(0, 10_000, results)
    assert results == [sum_below(10_000)]


async def ring():
    size, hops = 503, 30_000
    links = [trio.open_memory_channel(0) for _ in range(size)]
    done = trio.Event()
    last = None

    async def pass_on(me):
        nonlocal last
        async for left in links[me][1]:
            if left == 0:
                last = me
                done.set()
                return
            await links[(me + 1) % size][0].send(left - 1)

    async with trio.open_nursery() as nursery:
        for me in range(size):
            nursery.start_soon(pass_on, me)
        with timed(hops):
            await links[0][0].send(hops)
            await done.wait()
        nursery.cancel_scope.cancel()
    assert last == hops % size


async def cancel_blocked():
    count = 20_000
    _, never = trio.open_memory_channel(0)
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(never.receive)
        await trio.sleep(0.2)
        assert never.statistics().tasks_waiting_receive == count
        start = now()
        nursery.cancel_scope.cancel()
    per_operation(start, count)


async def arm_and_disarm():
    count = 50_000
    with timed(count):
        for _ in range(count):
            with trio.fail_after(3600):
                await trio.lowlevel.checkpoint()
    with timed(count, "ns_ready_inner"):
        for _ in range(count):
            with trio.fail_after(3600):
                pass


async def sleepers():
    lengths = delays(20_000, 500_000_000)
    late = [0] * len(lengths)

    async def sleep_and_note(i):
        due = now() + lengths[i]
        await trio.sleep(lengths[i] / 1e9)
        late[i] = now() - due

    cpu = cpu_ms()
    async with trio.open_nursery() as nursery:
        for i in range(len(lengths)):
            nursery.start_soon(sleep_and_note, i)
    metric("cpu_ms_of_20k", cpu_ms() - cpu)
    lateness(lengths, late)


async def mailbox():
    senders, each = 20, 5_000
    sender, inbox = trio.open_memory_channel(1024)
    async with trio.open_nursery() as nursery:
        with timed(senders * each):
            for _ in range(senders):
                nursery.start_soon(send_numbers, sender.clone(), each)
            total = 0
            for _ in range(senders * each):
                total += await inbox.receive()
    metric("peak_bytes", peak_bytes())
    assert total == senders * sum_below(each)


async def ask():
    requests, at_requests = trio.open_memory_channel(0)
    replies, at_replies = trio.open_memory_channel(0)
    latencies = []

    async def serve():
        async for value in at_requests:
            await replies.send(value + 1)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(serve)
        for i in range(30_000):
            start = now()
            await requests.send(i)
            answer = await at_replies.receive()
            latencies.append(now() - start)
            assert answer == i + 1
        requests.close()
    percentiles("", latencies)


async def blocked_memory():
    count = 100_000
    before = resident_bytes()
    senders = []
    async with trio.open_nursery() as nursery:
        for _ in range(count):
            sender, receiver = trio.open_memory_channel(0)
            senders.append(sender)
            nursery.start_soon(receiver.receive)
        await trio.sleep(0.5)
        metric("bytes", (resident_bytes() - before) / count)
        nursery.cancel_scope.cancel()


async def idle():
    async with trio.open_nursery() as nursery:
        _, never = trio.open_memory_channel(0)
        for _ in range(1_000):
            nursery.start_soon(never.receive)
        await trio.sleep(0.1)
        cpu = cpu_ms()
        await trio.sleep(3)
        metric("idle_cpu_ms", cpu_ms() - cpu)
        nursery.cancel_scope.cancel()


main(
    trio.run,
    {
        "w1": round_trips,
        "w2": functools.partial(many_to_many, 1024, 1),
        "w2_64": functools.partial(many_to_many, 64, 1),
        "w3": functools.partial(many_to_many, 1024, 4),
        "w5": spawn_many,
        "w5b": spawn_one_by_one,
        "w6": skynet_tree,
        "w7": ring,
        "w8": cancel_blocked,
        "w9a": arm_and_disarm,
        "w9b": sleepers,
        "w10": mailbox,
        "w12": ask,
        "w13_100k": blocked_memory,
        "w14": idle,
    },
)
