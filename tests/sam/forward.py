"""Lets containers reach servers on this machine's 127.0.0.1: listens on another address of it, at the same ports.

    forward.py ADDRESS PORT…
"""

import asyncio
import sys


async def pump(reader, writer):
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()


async def connect(port, reader, writer):
    try:
        there_reader, there_writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        writer.close()
        return
    await asyncio.gather(pump(reader, there_writer), pump(there_reader, writer))
    writer.close()
    there_writer.close()


async def main(address, ports):
    servers = [await asyncio.start_server(lambda r, w, port=port: connect(port, r, w), address, port) for port in ports]
    print("forwarding", flush=True)
    await asyncio.gather(*(server.serve_forever() for server in servers))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], [int(port) for port in sys.argv[2:]]))
