/** POST /v1/emotion: what a text feels like. */
import { z } from 'zod';
import { CAPABILITIES, EMOTIONS } from '../../kernel/capabilities/index.js';
import { TaraError } from '../../errors.js';
import { endpoint } from '../endpoint.js';

const body = z.looseObject({ text: z.string().min(1).max(1 << 20) });

const name = z.enum(EMOTIONS);
const response = z.object({
  dominant: z.union([name, z.literal('neutral')]), labels: z.array(name), emotions: z.record(name, z.number()),
  intensity: z.number(), valence: z.number(), crisis: z.object({ level: z.enum(['none', 'concern', 'acute']), reasons: z.array(z.string()) }),
});

export default endpoint<z.infer<typeof body>>({
  method: 'POST', path: '/v1/emotion', tag: 'tara', summary: 'Emotions, intensity, valence and crisis level of a text', body, response, errors: [503],
  async handle({ body: { text }, service: { emotion } }) {
    if (!emotion) throw new TaraError('TARA_CAPABILITY_MISSING', { capability: CAPABILITIES.emotion.name });
    const { dominant, labels, emotions, intensity, valence, crisis } = await emotion.analyze(text);
    return { dominant, labels: [...labels], emotions: { ...emotions }, intensity, valence, crisis: { level: crisis.level, reasons: [...crisis.reasons] } } satisfies z.infer<typeof response>;
  },
});
