/** Who may ask, and how often. */
import { createHash, timingSafeEqual } from 'node:crypto';
import cors from '@fastify/cors';
import rateLimit from '@fastify/rate-limit';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { TaraError } from '../errors.js';
import type { AccessOptions } from './options.js';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** As OpenAI's clients send it, or as Anthropic's do. */
const keyOf = ({ headers }: FastifyRequest): string | undefined => {
  const plain = headers['x-api-key'];
  return /^Bearer\s+(.+)$/i.exec(headers.authorization ?? '')?.[1] ?? (typeof plain === 'string' ? plain : undefined);
};

/** Compared as digests: the time tells nothing of a key. */
function checker(keys: readonly string[]): (request: FastifyRequest) => boolean {
  const known = keys.map(digest);
  return (request) => {
    const key = keyOf(request);
    if (key === undefined) return false;
    const given = digest(key);
    return known.filter((one) => timingSafeEqual(one, given)).length > 0;
  };
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Asked without a key. */
    public?: boolean;
  }
}

/** Registers the checks on a scope, before its routes. */
export async function addAccess(app: FastifyInstance, { apiKeys = [], rateLimit: limit, corsOrigins = [] }: AccessOptions): Promise<void> {
  if (corsOrigins.length > 0) {
    await app.register(cors, {
      origin: corsOrigins.includes('*') ? '*' : [...corsOrigins],
      methods: ['GET', 'POST'],
      exposedHeaders: ['x-tara-domain', 'x-tara-confidence', 'x-tara-release', 'x-tara-fallback', 'x-tara-emotion', 'x-tara-crisis', 'retry-after'],
    });
  }
  if (apiKeys.length > 0) {
    const allowed = checker(apiKeys);
    app.addHook('onRequest', async (request) => {
      if (request.routeOptions.config.public !== true && request.method !== 'OPTIONS' && !allowed(request)) throw new TaraError('TARA_KEY_REFUSED');
    });
  }
  if (limit !== undefined) {
    await app.register(rateLimit, {
      max: limit.requests,
      timeWindow: limit.seconds * 1000,
      allowList: (request) => request.routeOptions.config.public === true,
      keyGenerator: (request) => (apiKeys.length > 0 ? digest(keyOf(request) ?? '').toString('base64') : request.ip),
      errorResponseBuilder: () => new TaraError('TARA_RATE_LIMITED', { limit: limit.requests, window: limit.seconds }),
    });
  }
}
