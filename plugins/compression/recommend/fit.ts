/** Made by `npm run bench -- recommend-fit` from 15 measured presets of a llama of 135 M weights: do not edit. */
export const FIT = {
  model: 'a llama of 135 M weights',
  measurements: 15,
  factor: 1.61,
  weights: {
    embedding: 135,
    attention: 3.69,
    other: 37.3
  },
  disagreement: 0.501,
  errors: {
    f32: 0,
    bf16: 0,
    f16: 0,
    q8_0: 0.0000331,
    q6_k: 0.000387,
    q5_1: 0.0017,
    q5_0: 0.00239,
    q5_k: 0.00153,
    q4_1: 0.00726,
    q4_0: 0.00962,
    q4_k: 0.00566,
    iq4_nl: 0.00689,
    iq4_xs: 0.00688,
    q3_k: 0.0271,
    iq3_s: 0.0317,
    q2_k: 0.101
  }
} as const;
