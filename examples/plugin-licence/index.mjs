/**
 * A third-party plugin with a check and a fix of its own for cleaned folders: a model that is passed on should say under which
 * licence. `cleanup:check` reports one that does not, `cleanup:fix` writes the text that is configured.
 */
import { definePlugin, workers } from 'tara-gguf/plugin';
import { z } from 'zod';

const isLicence = ({ path }) => /^(licen[cs]e|copying)(\.[a-z]+)?$/i.test(path);

export default definePlugin({
  name: 'licence',
  version: '1.0.0',
  kernel: '^0.1.0',
  apiVersion: 1,
  optional: ['cleanup'],
  config: z.strictObject({
    /** What LICENSE shall hold where there is none; without it the plugin only reports. */
    text: z.string().min(1).optional(),
    /** Words that a licence here must not have. */
    refuse: z.array(z.string().min(1)).default([]),
  }),
  hooks: {
    'cleanup:check': async ({ path, files }, { config, use, signal }) => {
      const licences = files.filter(isLicence);
      if (licences.length === 0) return [{ code: 'LICENCE_MISSING', path: 'LICENSE', severity: 'warning', message: 'the folder does not say under which licence it may be used' }];
      const task = new URL('./task.mjs', import.meta.url);
      const found = await use(workers).runInPool(task, { folder: path, files: licences.map((file) => file.path), words: config.refuse }, { signal });
      return found.map(({ file, word }) => ({ code: 'LICENCE_REFUSED', path: file, severity: 'error', message: `it has the word ${word}` }));
    },
    'cleanup:fix': (value, { config }) => {
      if (config.text === undefined || value.files.some(isLicence)) return undefined;
      return { ...value, fixes: [...value.fixes, { code: 'LICENCE', file: 'LICENSE', text: `${config.text}\n` }] };
    },
  },
});
