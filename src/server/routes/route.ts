/** POST /v1/route: which domain would answer. */
import { z } from 'zod';
import { CAPABILITIES } from '../../kernel/capabilities/index.js';
import { TaraError } from '../../errors.js';
import { endpoint } from '../endpoint.js';

const body = z.looseObject({
  text: z.string().min(1).max(1 << 20),
  domains: z.array(z.string().min(1).max(128)).min(1).max(1000).nullish().describe('To choose from; those that are served when omitted.'),
  user: z.string().min(1).max(256).nullish(),
});

const crisis = z.object({ level: z.enum(['none', 'concern', 'acute']), reasons: z.array(z.string()) });
const part = z.number();
const response = z.object({
  domain: z.string(), confidence: z.number(), fallback: z.string().nullable(),
  scores: z.record(z.string(), z.object({ total: part, content: part, emotion: part, speed: part, quality: part })),
  contenders: z.array(z.string()), crisis,
});

export default endpoint<z.infer<typeof body>>({
  method: 'POST', path: '/v1/route', tag: 'tara', summary: 'Which domain would answer a text', body, response, errors: [503],
  async handle({ body: { text, domains, user }, service }) {
    const { router, emotion, rotation } = service;
    if (!router) throw new TaraError('TARA_CAPABILITY_MISSING', { capability: CAPABILITIES.router.name });
    const served = rotation.current.candidates;
    const candidates = domains?.map((name) => served.find((candidate) => candidate.name === name) ?? { name }) ?? served;
    const options = user == null ? {} : { userId: user };
    const analysis = emotion ? await emotion.analyze(text) : undefined;
    const route = await router.route(text, { ...options, ...(analysis && { emotion: analysis }), ...(candidates.length === 0 ? {} : { candidates }) });
    return {
      domain: route.domain, confidence: route.confidence, fallback: route.fallback, scores: { ...route.scores },
      contenders: [...route.contenders ?? []], crisis: { level: route.crisis.level, reasons: [...route.crisis.reasons] },
    } satisfies z.infer<typeof response>;
  },
});
