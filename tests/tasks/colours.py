"""A small engine that reads: each colour that it knows is a word, and finds the pieces of that colour."""

import numpy as np
from scipy import ndimage

from napari_sam3_assistant.core.errors import EngineError
from napari_sam3_assistant.core.results import Candidates
from napari_sam3_assistant.engines.protocol import Capabilities

COLOURS = {"red": (200, 0, 0), "green": (0, 200, 0), "blue": (0, 0, 200)}


class Seen:
    def __init__(self, image):
        self.image = image
        self.nbytes = image.nbytes
        self.shape = image.shape[:2]


class ColourReader:
    """Finds the pieces of a colour, each with a score that is told.

    ``words`` names for each phrase what it finds: ``(colour, score)`` for every piece of it from the top, and
    what a phrase finds beside that: ``(mask, score)``.
    """

    name = "colours"
    weights = ""
    capabilities = Capabilities(text=True)

    def __init__(self, words):
        self.words = words
        self.encoded = 0
        self.asked = []
        self.answered = lambda: None

    def load(self, *, progress, cancel):
        pass

    def encode(self, image, *, progress, cancel):
        self.encoded += 1
        return Seen(image)

    def segment(self, embedding, prompts, previous=None):
        raise EngineError("This engine reads only.", hint="Give it a word.")

    def find(self, embedding, query):
        (phrase,) = query.texts
        self.asked.append((phrase.text, len(query.exemplars)))
        masks, scores = [], []
        for what, score in self.words.get(phrase.text, ()):
            if isinstance(what, str):
                pieces, count = ndimage.label((embedding.image == COLOURS[what]).all(axis=2))
                masks += [pieces == number for number in range(1, count + 1)]
                scores += [score] * count
            else:
                masks.append(what)
                scores.append(score)
        self.answered()
        return candidates(masks, scores, embedding.shape)

    def close(self):
        pass


def candidates(masks, scores, shape):
    """Return masks of a picture's size as an engine returns them."""
    frames = np.array([(0, 0, *shape)] * len(masks), np.float32).reshape(-1, 4)
    return Candidates(np.array(scores, np.float32), frames, tuple(masks), frames, shape)


def picture():
    """Return 60 x 80, RGB: two red squares of 10 px at (5, 5) and (5, 40), a green one of 20 px at (30, 30)."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[5:15, 5:15] = image[5:15, 40:50] = COLOURS["red"]
    image[30:50, 30:50] = COLOURS["green"]
    return image


def block(top, left, bottom, right, shape=(60, 80)):
    """Return a mask of a picture's size: a rectangle."""
    mask = np.zeros(shape, bool)
    mask[top:bottom, left:right] = True
    return mask
