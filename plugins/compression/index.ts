/**
 * The compression plugin: which preset a phase is written in. Provides the capability `compressor` and the command
 * recommend. May import tara-gguf, tara-gguf/plugin, zod and its own files.
 */

import { compressor, definePlugin } from 'tara-gguf/plugin';
import { configSchema, type CompressionConfig } from './config.js';
import { createCompressor } from './propose.js';

export default definePlugin<CompressionConfig>({
  name: 'compression',
  version: '0.1.0',
  kernel: '^0.1.0',
  apiVersion: 1,
  provides: ['compressor'],
  config: configSchema,
  commands: [{ name: 'recommend', description: 'Show what each quantization makes of a model, and which fits', load: () => import('./commands/recommend.js') }],
  register({ config, provide }) {
    provide(compressor, () => createCompressor(config));
  },
});
