"""What goes out to a peer that has gone meanwhile: no error of ours, since its loss is told by whoever reads."""

from __future__ import annotations

import asyncio
import socket
import struct

from gameday.interpose.outflow import Outflow


class Nobody:
    """Feeds nothing."""

    def hold_reading(self, reason: int) -> None:
        pass

    def let_read(self, reason: int) -> None:
        pass


async def test_an_end_for_a_peer_that_has_reset_is_no_error_and_what_follows_is_done() -> None:
    listening = socket.create_server(("127.0.0.1", 0))
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, *listening.getsockname())
    peer, _ = listening.accept()
    listening.close()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()  # the reset is here, and the loop has not read it
    out, done = Outflow(Nobody()), asyncio.Event()
    out.attach(transport)
    out.end()
    out.then(done.set)
    assert done.is_set()
    transport.abort()
