"""Weights: how much each measure of :func:`~napari_sam3_assistant.engines.builtin.judge.measured` counts.

Fitted to simulated clicks on synthetic pictures of nine kinds, seeds 100 to 300, so that the
candidate of the highest value overlaps most with the object. No picture of a user is in them.
"""

from __future__ import annotations

import numpy as np

ONE_CLICK = np.array(
    [
        17.065,
        0.245,
        0.300,
        1.044,
        6.357,
        3.397,
        -1.342,
        0.414,
        0.194,
        0.423,
        -2.131,
        -33.780,
        9.606,
        -0.190,
        -0.747,
        22.315,
        -4.892,
        -1.877,
        0.000,
        0.000,
        0.000,
        0.000,
        0.000,
        0.000,
        3.123,
        0.378,
        0.000,
        0.000,
        0.000,
        0.000,
    ]
)
"""For a single click."""

ONE_CLICK_BY_RAYS = np.array(
    [
        1.206,
        0.518,
        -1.251,
        1.234,
        -0.333,
        0.758,
        6.506,
        -0.002,
        0.568,
        0.749,
        1.929,
        -14.013,
        -3.631,
        2.115,
        4.862,
        -0.831,
    ]
)
"""Added to the first of these for outlines by rays."""

MORE_CLICKS = np.array(
    [
        7.733,
        0.215,
        0.293,
        0.852,
        3.580,
        3.055,
        0.288,
        0.121,
        0.071,
        0.134,
        0.689,
        -4.494,
        9.276,
        3.913,
        5.319,
        12.128,
        -0.521,
        2.272,
        3.759,
        2.325,
        -0.254,
        1.721,
        0.958,
        -0.145,
        0.722,
        0.022,
        -2.900,
        -2.258,
        -4.131,
        -1.788,
    ]
)
"""For two clicks or more."""

IN_BOX = np.array(
    [
        5.045,
        0.771,
        0.971,
        1.822,
        5.112,
        0.858,
        0.205,
        0.149,
        0.149,
        0.183,
        -1.268,
        -27.942,
        7.003,
        0.680,
        2.463,
        4.838,
        -1.012,
        0.435,
        -0.480,
        0.000,
        0.000,
        0.000,
        0.000,
        0.000,
        0.858,
        0.952,
        0.113,
        0.162,
        0.000,
        0.000,
        9.133,
        10.067,
        0.401,
        0.059,
    ]
)
"""For a box; see :func:`~napari_sam3_assistant.engines.builtin.readings.measured_in_box`."""

ALIKE_WEIGHTS = np.array(
    [
        5.995,
        0.240,
        -0.106,
        9.173,
        1.846,
        0.817,
        0.837,
        14.307,
        -0.228,
        -0.271,
        -0.047,
        -0.121,
        -0.457,
        -0.164,
        -0.052,
        -0.074,
        -16.195,
        -0.461,
        3.129,
        0.245,
        2.787,
        0.005,
        -13.416,
    ]
)
"""For examples; see :func:`~napari_sam3_assistant.engines.builtin.exemplars.evidence`."""
