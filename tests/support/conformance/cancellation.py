"""Giving up a call that has begun."""

import asyncio


async def cancelled(call):
    """Begins the call, gives it up, and holds it to that."""
    call = asyncio.create_task(call)
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.wait([call])
    assert call.cancelled()
