/** Smoothing of a noisy line by an exponential moving average, as TensorBoard does it. */

type Point = readonly [x: number, y: number];

/**
 * Return a smoothed line.
 *
 * @param weight from 0 (as it is) to below 1
 */
export function smooth(points: readonly Point[], weight: number): readonly Point[] {
  if (!(weight > 0)) return points;
  let mean = 0;
  let total = 0;
  return points.map(([x, y]): Point => {
    if (!Number.isFinite(y)) return [x, y];
    // Divided by the sum of the weights: the first values are not drawn to 0.
    mean = mean * weight + y * (1 - weight);
    total = total * weight + (1 - weight);
    return [x, mean / total];
  });
}
