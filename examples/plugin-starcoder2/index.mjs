/** A third-party plugin that adds an architecture: StarCoder 2. This half only says where the description lies; it is imported where conversions are planned. */

import { definePlugin } from 'tara-gguf/plugin';

export default definePlugin({
  name: 'starcoder2',
  version: '1.0.0',
  kernel: '^0.1.0',
  apiVersion: 1,
  contributes: { architectures: [new URL('./starcoder2.mjs', import.meta.url).href] },
});
