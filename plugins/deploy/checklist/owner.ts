/** Somebody answers for the phase. */
import type { Check } from './types.js';

export const owner: Check = {
  item: 'owner-named',
  title: 'Owner named',
  run: ({ owner: name }) => Promise.resolve({ ok: name !== null, finding: name === null ? 'nobody is named: --owner NAME' : `${name} answers for it`, evidence: { owner: name } }),
};
