"""The JavaScript of the seed's guide, pasted into a page, works against our server."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.server.pictures import SQUARES

PASTED = (Path(__file__).parent / "guide.js").read_text()


@pytest.fixture
def pasted(discs, tab_of):
    tab = tab_of(discs)
    tab.page.goto(f"{discs.url}/app")
    tab.waits_for("idle")
    return tab


def test_display_mask_of_the_guide_shows_our_mask(pasted):
    alpha = pasted.page.evaluate(
        f"""async (picture) => {{
            const guide = new (class {{ {PASTED} }})();
            const canvas = Object.assign(document.createElement("canvas"), {{width: 128, height: 128}});
            guide.maskCtx = canvas.getContext("2d", {{willReadFrequently: true}});
            const socket = new WebSocket("ws://" + location.host + "/ws/realtime");
            const result = await new Promise((resolve) => {{
                socket.onmessage = ({{data}}) => {{
                    const message = JSON.parse(data);
                    if (message.type === "session_created")
                        socket.send(JSON.stringify({{type: "init", image: picture}}));
                    if (message.type === "image_loaded")
                        socket.send(JSON.stringify({{type: "click", x: 35, y: 35, label: 1}}));
                    if (message.type === "segmentation_result") resolve(message);
                }};
            }});
            const shown = new Promise((resolve) => {{
                const put = guide.maskCtx.putImageData.bind(guide.maskCtx);
                guide.maskCtx.putImageData = (...all) => {{ put(...all); resolve(); }};
            }});
            await guide.displayMask(result.mask);
            await shown;
            socket.close();
            return [[35, 35], [95, 95]].map(([x, y]) => [...guide.maskCtx.getImageData(x, y, 1, 1).data]);
        }}""",
        SQUARES,
    )

    assert alpha == [[255, 255, 255, 255], [0, 0, 0, 255]]
    expect(pasted.error).to_be_hidden()
