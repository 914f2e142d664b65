"""Merging: rounds in which regions join their most alike neighbours under a rising limit.

The cost of a border is its mean gradient plus half the step of colour between the two
regions, weighed with a low power of the smaller one's area, so that crumbs go first.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_sam3_assistant.engines.builtin import fast
from napari_sam3_assistant.engines.builtin.basins import Borders, FloatArray, IntArray, summed, weighed_count

_COLOR_WEIGHT = 0.5
_AREA_POWER = 0.25
_LARGE_PX = 4000.0


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """A cut of the image into regions, numbered from 0.

    Attributes
    ----------
    borders : Borders
        Between the regions.
    sums : ndarray of shape (k, 2 + planes), float
        Of each region: pixels, sums of the smoothed planes, sum of the roughness.
    limit : float
        The cost up to which borders were taken down.
    """

    borders: Borders
    sums: FloatArray
    limit: float = 0.0

    def __len__(self) -> int:
        return len(self.sums)

    @property
    def contours(self) -> FloatArray:
        """Sums along the outline of each region: gradient, length, signed jump; shape (k, 3)."""
        borders, count = self.borders, len(self)

        def both(values: FloatArray, sign: int = 1) -> FloatArray:
            return weighed_count(borders.low, values, count) + sign * weighed_count(borders.high, values, count)

        return np.stack([both(borders.gradient), both(borders.length), both(borders.jump, -1)], axis=1)


def merged(partition: Partition, limit: float, share: float) -> tuple[IntArray, Partition]:
    """Return the partition after one round, and the new number of each region.

    Parameters
    ----------
    partition : Partition
        With two regions or more.
    limit : float
        Cheapest borders of a region that cost no more are taken down.
    share : float
        The limit is raised until at least this share of regions has such a border.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    borders, count = partition.borders, len(partition)
    cost, cheapest = _costs(partition)
    rank = int(count * share)
    limit = max(limit, float(np.partition(cheapest, rank)[rank]) * 1.0001)
    taken = (cost <= limit) & ((cost <= cheapest[borders.low]) | (cost <= cheapest[borders.high]))
    links = coo_matrix(
        (np.ones(int(taken.sum()), np.int8), (borders.low[taken], borders.high[taken])), shape=(count, count)
    )
    left, group = connected_components(links, directed=False)
    group = group.astype(np.int64)
    sums = np.stack([weighed_count(group, column, left) for column in partition.sums.T], axis=1)
    low, high = group[borders.low], group[borders.high]
    live = low != high
    kept = Borders(low[live], high[live], borders.length[live], borders.gradient[live], borders.jump[live])
    return group, Partition(summed(kept, left), sums, limit)


def _costs(partition: Partition) -> tuple[FloatArray, FloatArray]:
    """Return the cost of each border, and of each region's cheapest."""
    borders, sums = partition.borders, partition.sums
    means = sums[:, 1:] / sums[:, :1]
    weight = np.minimum(sums[:, 0], _LARGE_PX) ** _AREA_POWER
    edge = borders.gradient / borders.length
    done = fast.costs((borders.low, borders.high), edge, means, weight, _COLOR_WEIGHT)
    if done is not None:
        return done
    square = np.zeros(len(borders.low))
    for mean in means.T.copy():
        step = mean[borders.low] - mean[borders.high]
        square += step * step
    smaller = np.minimum(weight[borders.low], weight[borders.high])
    cost: FloatArray = (edge + _COLOR_WEIGHT * np.sqrt(square)) * smaller
    cheapest = np.full(len(partition), np.inf)
    np.minimum.at(cheapest, borders.low, cost)
    np.minimum.at(cheapest, borders.high, cost)
    return cost, cheapest
