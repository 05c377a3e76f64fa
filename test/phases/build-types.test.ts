/** The budget that a build's models are compressed to. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CompressionRequest, Compressor } from '../../src/kernel/capabilities/index.js';
import type { BuildInputs } from '../../src/phases/build/inputs.js';
import { chooseTypes } from '../../src/phases/build/types.js';
import type { Build } from '../../src/phases/types.js';
import { sharedPool } from '../../src/workers/index.js';
import { writeTinyModel } from '../support/tiny-model.js';
import { temporary } from './temporary.js';

const fresh = temporary();

test('a target size is that of all files together', async () => {
  const base = await writeTinyModel(join(fresh(), 'base.gguf'));
  const asked: CompressionRequest[] = [];
  const compressor: Compressor = { propose: (request) => { asked.push(request); return Promise.resolve({ preset: 'Q8_0', types: {}, bytes: null, evidence: [] }); } };
  const inputs = { base, phase: { settings: { targetSize: 1000 } } } as unknown as BuildInputs;
  const build = { compressionType: 'standard', quantization: 'Q4_K_M' } as Build;
  for (const [models, taken] of [[1, 0], [3, 0], [1, 400], [1, 2000]] as const) await chooseTypes(inputs, build, compressor, { models, taken, pool: sharedPool(), signal: undefined });
  expect(asked.map(({ budget }) => budget)).toEqual([1000, 333, 600, 1]);
});
