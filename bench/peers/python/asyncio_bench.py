# SPDX-License-Identifier: BSL-1.0
"""asyncio: asyncio_bench.py WORKLOAD 1. Its queues have no capacity 0 and no end."""

import asyncio
import functools

from measure import (cpu_ms, delays, lateness, main, metric, now, peak_bytes, percentiles,
                     resident_bytes, sum_below, timed)  # fmt: skip


async def send_numbers(queue, count):
    for i in range(count):
        await queue.put(i)


async def receive_sum(queue, count):
    total = 0
    for _ in range(count):
        total += await queue.get()
    return total


async def round_trips():
    count = 30_000
    there, back = asyncio.Queue(1), asyncio.Queue(1)

    async def echo():
        while True:
            await back.put(await there.get())

    task = asyncio.create_task(echo())
    with timed(count):
        for i in range(count):
            await there.put(i)
            assert await back.get() == i
    task.cancel()


async def many_to_many(capacity, members):
    count = 200_000
    share = count // members
    queue = asyncio.Queue(capacity)
    with timed(count):
        async with asyncio.TaskGroup() as group:
            for _ in range(members):
                group.create_task(send_numbers(queue, share))
            consumers = [group.create_task(receive_sum(queue, share)) for _ in range(members)]
    assert sum(task.result() for task in consumers) == members * sum_below(share)


async def nothing():
    pass


async def spawn_many():
    count = 100_000
    with timed(count):
        async with asyncio.TaskGroup() as group:
            for _ in range(count):
                group.create_task(nothing())


async def spawn_one_by_one():
    count = 100_000
    with timed(count):
        for _ in range(count):
            await asyncio.create_task(nothing())


async def skynet(first, size):
    if size == 1:
        return first
    step = size // 10
    return sum(await asyncio.gather(*(skynet(first + i * step, step) for i in range(10))))


async def skynet_tree():
    with timed(11_111):
        result = await skynet(0, 10_000)
    assert result == sum_below(10_000)


async def ring():
    size, hops = 503, 50_000
    links = [asyncio.Queue(1) for _ in range(size)]
    done = asyncio.get_running_loop().create_future()

    async def pass_on(me):
        while left := await links[me].get():
            await links[(me + 1) % size].put(left - 1)
        done.set_result(me)

    tasks = [asyncio.create_task(pass_on(me)) for me in range(size)]
    with timed(hops):
        await links[0].put(hops)
        last = await done
    for task in tasks:
        task.cancel()
    assert last == hops % size


async def cancel_blocked():
    count = 20_000
    queue = asyncio.Queue()
    tasks = [asyncio.create_task(queue.get()) for _ in range(count)]
    await asyncio.sleep(0.2)
    with timed(count):
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    assert all(task.cancelled() for task in tasks)


async def arm_and_disarm():
    count = 50_000
    with timed(count):
        for _ in range(count):
            async with asyncio.timeout(3600):
                await asyncio.sleep(0)


async def sleepers():
    lengths = delays(20_000, 500_000_000)
    late = [0] * len(lengths)

    async def sleep_and_note(i):
        due = now() + lengths[i]
        await asyncio.sleep(lengths[i] / 1e9)
        late[i] = now() - due

    cpu = cpu_ms()
    async with asyncio.TaskGroup() as group:
        for i in range(len(lengths)):
            group.create_task(sleep_and_note(i))
    metric("cpu_ms_of_20k", cpu_ms() - cpu)
    lateness(lengths, late)


async def mailbox():
    senders, each = 20, 10_000
    inbox = asyncio.Queue(1024)
    async with asyncio.TaskGroup() as group:
        with timed(senders * each):
            for _ in range(senders):
                group.create_task(send_numbers(inbox, each))
            total = await receive_sum(inbox, senders * each)
    metric("peak_bytes", peak_bytes())
    assert total == senders * sum_below(each)


async def ask():
    requests = asyncio.Queue(1)
    loop = asyncio.get_running_loop()
    latencies = []

    async def serve():
        while True:
            value, reply = await requests.get()
            reply.set_result(value + 1)

    server = asyncio.create_task(serve())
    for i in range(30_000):
        start = now()
        reply = loop.create_future()
        await requests.put((i, reply))
        answer = await reply
        latencies.append(now() - start)
        assert answer == i + 1
    server.cancel()
    percentiles("", latencies)


async def blocked_memory():
    count = 100_000
    before = resident_bytes()
    waiting = []
    for _ in range(count):
        queue = asyncio.Queue(1)
        waiting.append((queue, asyncio.create_task(queue.get())))
    await asyncio.sleep(0.5)
    metric("bytes", (resident_bytes() - before) / count)
    for _, task in waiting:
        task.cancel()


async def idle():
    queue = asyncio.Queue()
    tasks = [asyncio.create_task(queue.get()) for _ in range(1_000)]
    await asyncio.sleep(0.1)
    cpu = cpu_ms()
    await asyncio.sleep(3)
    metric("idle_cpu_ms", cpu_ms() - cpu)
    for task in tasks:
        task.cancel()


def run(workload):
    asyncio.run(workload())


main(
    run,
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
