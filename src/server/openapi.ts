/** The OpenAPI 3.1 document of the endpoints. */
import { z } from 'zod';
import { KERNEL_VERSION } from '../kernel/version.js';
import type { Endpoint } from './endpoint.js';
import { errorSchema } from './schemas/error.js';

type Json = Record<string, unknown>;

/** Statuses that every endpoint may answer with. */
const COMMON = [500, 503];

const schemaOf = (schema: z.ZodType, io: 'input' | 'output'): Json => {
  const made = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json;
  delete made.$schema;
  return made;
};

const EVENTS = 'text/event-stream';
/** In 3.1 the schema of a stream is that of each event. */
const EVENT = { type: 'object', properties: { data: { type: 'string', description: 'A JSON object; [DONE] at the end.' } }, required: ['data'] };

const DESCRIPTIONS: Readonly<Record<number, string>> = {
  400: 'The request is not valid', 401: 'No valid key', 404: 'No such model', 413: 'The request is too long', 422: 'The model cannot do it', 429: 'Too many requests, or the queue is full',
  500: 'The work failed', 503: 'The server is ending, or has no room',
};

function operationOf({ summary, tag, body, response, streams, errors = [], public: isPublic, path }: Endpoint, secured: boolean): Json {
  const statuses = [...new Set([...COMMON, ...errors, ...(body ? [400, 413, 429] : [429]), ...(secured && isPublic !== true ? [401] : [])])].sort((a, b) => a - b);
  const ok: Json = 'mediaType' in response
    ? { [response.mediaType.split(';')[0] ?? '']: { schema: response.mediaType === EVENTS ? EVENT : { type: 'string' } } }
    : { 'application/json': { schema: schemaOf(response, 'output') }, ...(streams === true ? { [EVENTS]: { schema: EVENT } } : {}) };
  return {
    operationId: path.replace(/^\/(v1\/)?/, '').replace(/\W+/g, '_'),
    summary, tags: [tag],
    ...(secured && isPublic !== true ? { security: [{ key: [] }] } : {}),
    ...(body ? { requestBody: { required: true, content: { 'application/json': { schema: schemaOf(body, 'input') } } } } : {}),
    responses: {
      200: { description: 'Done', content: ok },
      ...Object.fromEntries(statuses.map((status) => [status, { description: DESCRIPTIONS[status] ?? 'Refused', content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } } }])),
    },
  };
}

export function openApiDocument(endpoints: readonly Endpoint[], secured: boolean): Json {
  return {
    openapi: '3.1.0',
    info: { title: 'tara-gguf', version: KERNEL_VERSION, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    paths: Object.fromEntries(endpoints.map((one) => [one.path, { [one.method.toLowerCase()]: operationOf(one, secured) }])),
    components: {
      schemas: { Error: schemaOf(errorSchema, 'output') },
      ...(secured ? { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } } : {}),
    },
  };
}
