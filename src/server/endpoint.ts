/** What an endpoint is: one address, what it takes, what it gives. The same schemas check requests and make the OpenAPI document. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { TaraError } from '../errors.js';
import type { Service } from './service.js';

export interface Call<Body> {
  readonly body: Body;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Fires when the client has gone, or the server will wait no longer. */
  readonly signal: AbortSignal;
  readonly service: Service;
}

export interface Endpoint<Body = unknown> {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Further addresses, as llama-server has them. */
  readonly aliases?: readonly string[];
  readonly summary: string;
  readonly tag: string;
  /** Asked without a key. */
  readonly public?: boolean;
  readonly body?: z.ZodType<Body>;
  /** A successful answer: JSON by schema, or text of a media type. */
  readonly response: z.ZodType | { readonly mediaType: string };
  /** A stream of events is another form of the answer. */
  readonly streams?: boolean;
  /** Goes on until the client leaves: nobody waits for it when the server ends. */
  readonly endless?: boolean;
  /** Statuses of errors beside those that every endpoint may answer with. */
  readonly errors?: readonly number[];
  /** The answer, or undefined where the handler wrote it itself. */
  handle(call: Call<Body>): Promise<unknown>;
}

/** An endpoint whose handler gets what its schema makes of the body. */
export const endpoint = <Body>(definition: Endpoint<Body>): Endpoint => definition as unknown as Endpoint;

/** `messages.0.role`, as OpenAI writes it. */
const pathOf = (path: readonly PropertyKey[]): string => path.map(String).join('.') || 'body';

/** Of the members of a union the one that got furthest says what is wrong. */
function deepest(issues: readonly z.core.$ZodIssue[], prefix: readonly PropertyKey[] = []): { readonly path: readonly PropertyKey[]; readonly message: string } {
  let best = { path: prefix, message: 'is not valid' };
  for (const issue of issues) {
    const path = [...prefix, ...issue.path];
    const candidates = issue.code === 'invalid_union' && issue.errors.length > 0 ? issue.errors.map((inner) => deepest(inner, path)) : [{ path, message: issue.message }];
    for (const candidate of candidates) if (best.message === 'is not valid' || candidate.path.length > best.path.length) best = candidate;
  }
  return best;
}

/** The body as the schema makes it. Throws TARA_REQUEST_INVALID. */
export function checkedBody<Body>(schema: z.ZodType<Body>, body: unknown): Body {
  const checked = schema.safeParse(body);
  if (checked.success) return checked.data;
  const { path, message } = deepest(checked.error.issues);
  throw new TaraError('TARA_REQUEST_INVALID', { param: pathOf(path), reason: message });
}
