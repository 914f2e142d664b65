"""Single requests over HTTP, with the engine that needs no model and with one that reads words."""

from __future__ import annotations

import base64
import io
import json

import httpx2
import numpy as np
import pytest
from PIL import Image

from napari_sam3_assistant.core.intensity import limits_of, to_rgb
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.engines.builtin.engine import BuiltinEngine
from napari_sam3_assistant.engines.protocol import Capabilities, Proposals
from napari_sam3_assistant.samples import nuclei
from napari_sam3_assistant.server.rest.questions import MOST_MASKS
from tests.conftest import squares
from tests.server.conftest import running
from tests.server.pictures import SQUARES, data_url, file_of
from tests.server.stub import StubEngine

PNG = file_of(squares())
SQUARE = np.zeros((128, 128), bool)
SQUARE[20:50, 20:50] = True
BOX = {"x1": 15, "y1": 15, "x2": 55, "y2": 55}


class Reader(StubEngine):
    """Finds the same two objects, whatever the words are; only one of them is good."""

    def __init__(self, scores=(0.9, 0.3), **options) -> None:
        super().__init__(capabilities=Capabilities(text=True), **options)
        self.scores = scores

    def find(self, embedding, query) -> Candidates:
        super().find(embedding, query)
        boxes = np.array([(20, 20, 50, 50), (80, 80, 110, 110)], np.float32)
        return Candidates(np.array(self.scores, np.float32), boxes, (np.ones((30, 30), bool),) * 2, boxes, (128, 128))


@pytest.fixture(scope="module")
def builtin():
    with running(BuiltinEngine()) as server, client_of(server) as client:
        yield client


@pytest.fixture(scope="module")
def reading():
    with running(Reader()) as server, client_of(server) as client:
        yield client


def client_of(server, **options) -> httpx2.Client:
    return httpx2.Client(base_url=server.url, trust_env=False, timeout=30, **options)


def masks_of(answer: httpx2.Response) -> list[np.ndarray]:
    """Return the masks of an answer, and check what is true of all answers."""
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {"success", "num_masks", "masks", "boxes", "scores", "prompt", "message"}
    assert body["success"] is True
    assert body["num_masks"] == len(body["masks"])
    with_scores = body["scores"] is not None
    assert not with_scores or (
        all(0 <= score <= 1 for score in body["scores"]) and len(body["scores"]) == len(body["masks"])
    )
    return [np.asarray(picture_in(text).convert("L")) for text in body["masks"]]


def picture_in(text: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text, validate=True)))


def iou(mask: np.ndarray, truth: np.ndarray = SQUARE) -> float:
    return ((mask > 0) & truth).sum() / ((mask > 0) | truth).sum()


def send(client: httpx2.Client, path: str, *, image: bytes = PNG, **fields) -> httpx2.Response:
    """Send a picture, as the path wants it."""
    if path.endswith("/base64"):
        return client.post(f"/segment/{path}", json={"image_base64": data_url(image), **fields})
    return client.post(f"/segment/{path}", files={"image": ("a.png", image, "image/png")}, data=fields)


def points_for(path: str, x: list[int], y: list[int], labels: list[int]) -> dict:
    """Return points as the path wants them."""
    points = {"points_x": x, "points_y": y, "labels": labels}
    return points if path.endswith("/base64") else {name: ",".join(map(str, one)) for name, one in points.items()}


@pytest.mark.parametrize("path", ["box", "box/base64"])
def test_a_box_gives_the_object_in_it_and_is_echoed(builtin, path):
    answer = send(builtin, path, **BOX)

    (mask,) = masks_of(answer)
    assert mask.shape == (128, 128)
    assert set(mask.ravel()) == {0, 255}
    assert iou(mask) > 0.95
    assert answer.json()["boxes"] == [[15, 15, 55, 55]]
    assert (answer.json()["prompt"], answer.json()["message"]) == (None, None)


@pytest.mark.parametrize("path", ["points", "points/base64"])
def test_points_give_the_object_under_them(builtin, path):
    answer = send(builtin, path, **points_for(path, [30, 90], [40, 90], [1, 0]))

    (mask,) = masks_of(answer)
    assert iou(mask) > 0.95
    assert answer.json()["boxes"] is None


@pytest.mark.parametrize("path", ["auto", "auto/base64"])
def test_auto_gives_every_object_once(builtin, path):
    answer = send(builtin, path)

    masks = masks_of(answer)
    other = np.zeros_like(SQUARE)
    other[80:110, 80:110] = True
    for truth in (SQUARE, other):
        assert sum(iou(mask, truth) > 0.9 for mask in masks) == 1
    boxes, scores = answer.json()["boxes"], answer.json()["scores"]
    assert scores == sorted(scores, reverse=True)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        rows, cols = np.nonzero(mask)
        assert (cols.min(), rows.min(), cols.max() + 1, rows.max() + 1) == (x1, y1, x2, y2)


@pytest.mark.parametrize("path", ["auto", "auto/base64"])
def test_auto_keeps_what_the_engine_usually_keeps_unless_a_score_is_given(builtin, path):
    made = nuclei(1).image
    picture = file_of(to_rgb(made, limits_of([made], color=False)))

    usual, sure = (send(builtin, path, image=picture, **given) for given in ({}, {"pred_iou_thresh": 0.9}))

    few = sum(score >= 0.9 for score in usual.json()["scores"])
    assert len(masks_of(usual)) > 50 > few > 0
    assert len(masks_of(sure)) == few


class Many(StubEngine):
    """Finds so many squares beside each other; every other one is not stable."""

    def __init__(self, per_side: int) -> None:
        super().__init__(capabilities=Capabilities(proposals=Proposals(None, 0.5, 0.95)))
        self.side = per_side

    def propose(self, embedding, places) -> Candidates:
        corners = 5.0 * np.argwhere(np.ones((self.side, self.side)))
        boxes, count = np.hstack([corners, corners + 4]).astype(np.float32), len(corners)
        stable = np.where(np.arange(count) % 2, 0.5, 1).astype(np.float32)
        masks = (np.ones((4, 4), bool),) * count
        return Candidates(np.full(count, 0.9, np.float32), boxes, masks, boxes, embedding.shape, stable)


def test_masks_that_are_not_stable_are_left_out_unless_another_stability_is_given(serving):
    with serving(Many(4), warm_up=False) as server, client_of(server) as client:
        usual, lax = send(client, "auto"), send(client, "auto", stability_score_thresh=0.4)

    assert (usual.json()["num_masks"], lax.json()["num_masks"]) == (8, 16)
    assert lax.json()["message"] is None


def test_of_many_objects_the_best_are_returned_and_it_is_said(serving):
    with serving(Many(15), warm_up=False) as server, client_of(server) as client:
        answer = send(client, "auto/base64", stability_score_thresh=0.4)
        drawn = send(client, "auto/base64", stability_score_thresh=0.4, return_visualization=True).json()

    assert drawn["message"] == "Visualization returned in masks[0]. The best 200 of 225 objects"
    assert len(masks_of(answer)) == MOST_MASKS == 200
    assert len(answer.json()["boxes"]) == 200
    assert answer.json()["message"] == "The best 200 of 225 objects"


@pytest.mark.parametrize("path", ["text", "text/base64"])
def test_words_give_what_scores_enough(reading, path):
    usual = send(reading, path, text="square")
    all_of_them = send(reading, path, text="square", mask_threshold=0.1)
    none = send(reading, path, text="square", mask_threshold=0.95)

    (mask,) = masks_of(usual)
    assert iou(mask) == 1
    assert (usual.json()["prompt"], usual.json()["boxes"]) == ("square", [[20, 20, 50, 50]])
    assert len(masks_of(all_of_them)) == 2
    assert masks_of(none) == []
    assert none.json()["message"] == "No objects found matching 'square'"


@pytest.mark.parametrize("path", ["text", "text/base64"])
def test_words_are_not_read_by_an_engine_that_cannot(builtin, path):
    answer = send(builtin, path, text="square")

    assert answer.status_code == 501
    assert answer.json() == {"detail": "This server's engine does not read words. Use points or a box."}


def test_nothing_found_is_a_success_that_says_so(serving):
    class Blind(StubEngine):
        def segment(self, embedding, prompts, previous=None):
            found = super().segment(embedding, prompts, previous)
            return type(found)(type(found.mask)(np.zeros((0, 0), bool)), 0.9)

    with serving(Blind()) as server, client_of(server) as client:
        box = send(client, "box", **BOX)
        points = send(client, "points", points_x="3", points_y="4", labels="1")
        background = send(client, "points/base64", points_x=[3], points_y=[4], labels=[0])
        auto = send(client, "auto", points_per_side=2)
        drawn = send(client, "box", return_visualization="true", **BOX)

    for answer, where in (
        (box, "in the specified box"),
        (points, "at the specified points"),
        (background, "at the specified points"),
        (auto, "in automatic segmentation"),
        (drawn, "in the specified box"),
    ):
        assert masks_of(answer) == []
        assert answer.json()["message"] == f"No objects found {where}"


def test_the_drawn_picture_comes_as_a_file_or_in_masks(builtin):
    file = send(builtin, "box", return_visualization="true", **BOX)
    text = send(builtin, "box/base64", return_visualization=True, **BOX)

    assert (file.status_code, file.headers["content-type"]) == (200, "image/png")
    body = text.json()
    assert (body["num_masks"], body["message"]) == (1, "Visualization returned in masks[0]")
    assert base64.b64decode(body["masks"][0]) == file.content
    drawn = np.asarray(Image.open(io.BytesIO(file.content)).convert("RGB"))
    assert drawn.shape == (128, 128, 3)
    plain = np.repeat(squares()[..., None], 3, axis=2)
    changed = (drawn != plain).any(axis=2)
    assert iou(changed.astype(np.uint8)) > 0.95


def test_coordinates_and_masks_are_of_the_picture_as_a_browser_shows_it(builtin):
    tall = np.full((100, 60), 20, np.uint8)
    tall[70:90, 30:50] = 200
    turned = Image.Exif()
    turned[0x0112] = 6  # shown after a quarter turn clockwise
    stored = file_of(np.ascontiguousarray(np.rot90(tall)), exif=turned)

    answer = send(builtin, "points", image=stored, points_x="40", points_y="80", labels="1")

    (mask,) = masks_of(answer)
    assert mask.shape == (100, 60)
    truth = np.zeros((100, 60), bool)
    truth[70:90, 30:50] = True
    assert iou(mask, truth) > 0.9


def test_large_pictures_are_not_shrunk(serving):
    wide = file_of(np.zeros((40, 5000), np.uint8))

    with serving(StubEngine()) as server, client_of(server) as client:
        answer = send(client, "points", image=wide, points_x="4990", points_y="20", labels="1")

    (mask,) = masks_of(answer)
    assert mask.shape == (40, 5000)
    assert mask[20, 4990] == 255


ON_POINTS = "points/base64"
REFUSED = [
    ("box", {**BOX, "x2": 15}, 400, "Invalid bounding box: x1 must be < x2 and y1 must be < y2"),
    ("box", {**BOX, "y1": 55}, 400, "Invalid bounding box: x1 must be < x2 and y1 must be < y2"),
    ("box", {**BOX, "x2": 129}, 400, "Bounding box out of image bounds. Image size: 128x128"),
    ("box/base64", {**BOX, "x1": -1}, 400, "Bounding box out of image bounds. Image size: 128x128"),
    ("points", points_for("points", [1, 2], [1], [1]), 400, "Points X, Y, and labels must have the same length"),
    (ON_POINTS, points_for(ON_POINTS, [1], [1], [1, 1]), 400, "Points X, Y, and labels must have the same length"),
    ("points", {"points_x": "1,a", "points_y": "1,2", "labels": "1,1"}, 400, "Invalid point coordinates or labels"),
    ("points", {"points_x": "1.5", "points_y": "1", "labels": "1"}, 400, "Invalid point coordinates or labels"),
    ("points", {"points_x": ",", "points_y": ",", "labels": ","}, 400, "Invalid point coordinates or labels"),
    (ON_POINTS, points_for(ON_POINTS, [], [], []), 400, "Invalid point coordinates or labels"),
    (ON_POINTS, points_for(ON_POINTS, [1], [1], [2]), 400, "Labels must be 0 (negative) or 1 (positive)"),
    ("points", points_for("points", [128], [1], [1]), 400, "Point (128, 1) is out of image bounds (128x128)"),
    (ON_POINTS, points_for(ON_POINTS, [5], [-1], [0]), 400, "Point (5, -1) is out of image bounds (128x128)"),
    ("points", points_for("points", [1] * 101, [1] * 101, [1] * 101), 400, "Max points per object (100) reached"),
]


@pytest.mark.parametrize(("path", "fields", "status", "detail"), REFUSED)
def test_prompts_that_cannot_be_are_refused_in_words(builtin, path, fields, status, detail):
    answer = send(builtin, path, **fields)

    assert (answer.status_code, answer.json()) == (status, {"detail": detail})


@pytest.mark.parametrize(
    ("path", "fields", "field"),
    [
        ("box", {**BOX, "x1": "1.5"}, "x1"),
        ("box/base64", {**BOX, "x1": 1.5}, "x1"),
        ("box/base64", {**BOX, "x1": None}, "x1"),
        ("box/base64", {**BOX, "x1": 10**30}, "x1"),
        ("box", {"x1": 1, "y1": 1, "x2": 2}, "y2"),
        ("points/base64", {"points_x": "1,2", "points_y": [1, 2], "labels": [1, 1]}, "points_x"),
        ("text", {"text": "  "}, "text"),
        ("text/base64", {"text": "a", "mask_threshold": 1.1}, "mask_threshold"),
        ("text", {"text": "a", "mask_threshold": "nan"}, "mask_threshold"),
        ("auto", {"points_per_side": 0}, "points_per_side"),
        ("auto", {"points_per_side": 65}, "points_per_side"),
        ("auto/base64", {"pred_iou_thresh": -0.1}, "pred_iou_thresh"),
        ("auto/base64", {"stability_score_thresh": 2}, "stability_score_thresh"),
        ("auto", {"return_visualization": "perhaps"}, "return_visualization"),
    ],
)
def test_fields_that_cannot_be_are_named(builtin, path, fields, field):
    answer = send(builtin, path, **fields)

    assert answer.status_code == 422
    assert field in answer.json()["detail"][0]["loc"]


def test_the_edges_of_the_picture_belong_to_it(builtin):
    whole = send(builtin, "box", x1=0, y1=0, x2=128, y2=128)
    corner = send(builtin, "points", points_x="127", points_y="127", labels="1")

    assert whole.status_code == 200
    assert corner.status_code == 200


def test_words_may_not_be_too_long(reading):
    answer = send(reading, "text", text="a" * 257)

    assert answer.status_code == 400
    assert answer.json()["detail"] == "Text too long (257 characters). Maximum is 256."


@pytest.mark.parametrize("image", [b"", b"no picture", PNG[:100]])
def test_what_is_no_picture_is_refused_the_same_each_way(builtin, image):
    file = send(builtin, "box", image=image, **BOX)
    text = builtin.post("/segment/box/base64", json={"image_base64": base64.b64encode(image or b"-").decode(), **BOX})

    assert (file.status_code, file.json()["detail"]) == (400, "Invalid image file")
    assert (text.status_code, text.json()["detail"]) == (400, "Invalid image file")


@pytest.mark.parametrize("text", ["", "%%%", "data:image/png;base64,", "QUJ", "Ünicode"])
def test_what_is_no_base64_is_called_so(builtin, text):
    answer = builtin.post("/segment/box/base64", json={"image_base64": text, **BOX})

    assert (answer.status_code, answer.json()["detail"]) == (400, "Invalid base64 image string")


def test_base64_may_be_a_data_url_or_bare_and_broken_into_lines(builtin):
    bare = SQUARES.partition(",")[2]
    lines = "\n".join(bare[start : start + 76] for start in range(0, len(bare), 76))

    answers = [builtin.post("/segment/box/base64", json={"image_base64": one, **BOX}) for one in (SQUARES, bare, lines)]

    assert len({json.dumps(one.json()) for one in answers}) == 1
    assert iou(masks_of(answers[0])[0]) > 0.95
