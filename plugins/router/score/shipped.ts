/** Made by `npm run bench -- router --fit`: do not edit. */
import type { Fits } from './fitted.js';

export const SHIPPED: Fits = {
  embedding: {
    model: { similarity: 36.59375, keywords: 1.6875, none: -0.21875, doubt: 1.34375 },
    calibration: [[0.569, 0.557], [0.821, 0.912], [0.954, 0.956], [0.988, 0.988], [0.997, 0.995], [1, 0.995]],
  },
  ngrams: {
    model: { similarity: 23.875, keywords: 4.46875, none: 0.0625, doubt: -0.5 },
    calibration: [[0.319, 0.265], [0.476, 0.457], [0.588, 0.545], [0.695, 0.722], [0.778, 0.759], [0.903, 0.904], [0.984, 0.973], [0.998, 0.995], [1, 0.995]],
  },
};
