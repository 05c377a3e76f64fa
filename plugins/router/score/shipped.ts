/** Made by `npm run bench -- router --fit`: do not edit. */
import type { Fits } from './fitted.js';

export const SHIPPED: Fits = {
  embedding: {
    model: { similarity: 36.34375, keywords: 1.6875, none: -0.65625, doubt: 1.96875 },
    calibration: [[0.575, 0.577], [0.824, 0.908], [0.955, 0.957], [0.988, 0.989], [0.997, 0.995]],
  },
  ngrams: {
    model: { similarity: 23.625, keywords: 4.5, none: -0.125, doubt: -0.21875 },
    calibration: [[0.308, 0.258], [0.471, 0.419], [0.583, 0.565], [0.688, 0.682], [0.771, 0.786], [0.898, 0.894], [0.975, 0.979], [0.991, 0.985], [0.998, 0.995]],
  },
};
