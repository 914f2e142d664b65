"""An object is clicked on the first of many pictures, and a real-time server follows it through the others.

Start a server first: napari-sam3-assistant serve. Then: python realtime_follow.py ws://localhost:8000/ws/realtime *.png
"""

import base64
import json
import sys
from pathlib import Path

from PIL import Image
from websockets.sync.client import ClientConnection, connect


def reply(server: ClientConnection, kind: str, frames: list[Path]) -> dict:
    """Return the next message of a kind; frames that the server asks for are sent meanwhile, masks are saved."""
    for text in server:
        message = json.loads(text)
        if message["type"] == "frame_needed":
            image = base64.b64encode(frames[message["index"]].read_bytes()).decode()
            answer = {"type": "frame", "video_id": message["video_id"], "index": message["index"], "image": image}
            server.send(json.dumps(answer))
        elif message["type"] == "frame_result":
            frame = frames[message["index"]]
            for found in message["objects"]:
                frame.with_suffix(".mask.png").write_bytes(base64.b64decode(found["mask"]))
                print(f"{frame.name}: {found['area']} pixels, score {found['score']:.2f}")
        elif message["type"] == "error":
            raise SystemExit(message["message"])
        if message["type"] == kind:
            return message
    raise SystemExit("The server has closed the connection.")


def follow(address: str, frames: list[Path]) -> None:
    """Click on the middle of the first picture, and follow what is there to the last one."""
    with Image.open(frames[0]) as first, connect(address, max_size=None) as server:
        width, height = first.size
        server.send(json.dumps({"type": "hello", "mask_formats": ["png"]}))
        server.send(json.dumps({"type": "video_open", "frames": len(frames), "shape": [height, width]}))
        about = {"video_id": reply(server, "video_opened", frames)["video_id"]}

        click = {"points": [{"x": width // 2, "y": height // 2, "label": 1}]}
        server.send(json.dumps({"type": "video_prompt", **about, "index": 0, "object_id": 1, "prompts": click}))
        reply(server, "frame_result", frames)
        if len(frames) > 1:
            way = {"start": 1, "direction": 1, "end": len(frames) - 1}
            server.send(json.dumps({"type": "propagate", **about, **way}))
            reply(server, "propagated", frames)


follow(sys.argv[1], [Path(name) for name in sys.argv[2:]])
