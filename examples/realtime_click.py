"""A picture and a click go to a real-time server; the mask that comes back is saved.

Start a server first: napari-sam3-assistant serve. Then: python realtime_click.py picture.png mask.png
"""

import asyncio
import base64
import json
import sys
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect


async def reply(server: ClientConnection, kind: str) -> dict:
    """Return the next message of a kind; others, such as "point_added", come before it and are passed over."""
    async for text in server:
        message = json.loads(text)
        if message["type"] == "error":
            raise SystemExit(message["message"])
        if message["type"] == kind:
            return message
    raise SystemExit("The server has closed the connection.")


async def segment(picture: Path, mask: Path, address: str = "ws://localhost:8000/ws/realtime") -> None:
    """Click on the middle of a picture, and save the mask of what is there."""
    async with connect(address, max_size=None) as server:
        print("session", (await reply(server, "session_created"))["session_id"])

        image = base64.b64encode(picture.read_bytes()).decode()
        await server.send(json.dumps({"type": "init", "image": image}))
        size = await reply(server, "image_loaded")
        print(f"{size['width']} x {size['height']} pixels are encoded")

        click = {"type": "click", "x": size["width"] // 2, "y": size["height"] // 2, "label": 1}
        await server.send(json.dumps(click))
        result = await reply(server, "segmentation_result")
        mask.write_bytes(base64.b64decode(result["mask"]))
        print(f"saved {mask.name}, score {result['score']:.2f}")

        await server.send(json.dumps({"type": "close"}))


asyncio.run(segment(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:]))
