#!/usr/bin/env node
/**
 * Stands in for llama-server in its own test-suite: takes the options that the suite starts it with, and serves a local
 * model with ours. What llama-server keeps from its command line for requests that do not say it (temperature, seed,
 * length) is written into those requests; an option that ours has no counterpart for is passed over.
 */
import { parseArgs } from 'node:util';
import Fastify from 'fastify';
import { taraServer } from '../../dist/src/server/index.js';

const text = { type: 'string' };
const flag = { type: 'boolean' };
const { values: given } = parseArgs({
  strict: false,
  options: {
    host: text, port: text, temp: text, seed: text, alias: text, threads: text, parallel: text, 'ctx-size': text, 'n-predict': text, 'api-key': text, 'cors-origins': text,
    embedding: flag, reranking: flag, 'no-ui': flag,
    // Taken so that their values are not read as options.
    'hf-repo': text, 'hf-file': text, 'batch-size': text, 'ubatch-size': text, pooling: text, 'chat-template': text, 'chat-template-file': text, 'reasoning-format': text, reasoning: text,
  },
});
const number = (value) => (value === undefined ? undefined : Number(value));

const { TARA_SUITE_MODEL: model, TARA_SUITE_EMBEDDING_MODEL: embeddingModel } = process.env;
const slots = number(given.parallel) ?? 4;
const context = number(given['ctx-size']);
const defaults = { temperature: number(given.temp), seed: number(given.seed), max_tokens: number(given['n-predict']) };

const names = given.alias?.split(',') ?? [];

const app = Fastify({ forceCloseConnections: true, pluginTimeout: 0 });
app.addHook('preValidation', async ({ method, body, url }) => {
  if (method !== 'POST' || typeof body !== 'object' || body === null) return;
  // llama-server answers to any name, with its own.
  if (names.length > 0) body.model = names[0];
  if (!/completions?$/.test(url)) return;
  for (const [name, value] of Object.entries(defaults)) {
    if (value !== undefined && value >= 0) body[name] ??= value;
  }
});
await app.register(taraServer, {
  path: given.embedding === true || given.reranking === true ? embeddingModel : model,
  aliases: names,
  apiKeys: given['api-key'] === undefined ? [] : [given['api-key']],
  corsOrigins: given['cors-origins']?.split(',') ?? [],
  dashboard: given['no-ui'] !== true,
  load: { slots, threads: number(given.threads) ?? 1, ...(context === undefined ? {} : { contextSize: Math.floor(context / slots) }) },
});
process.once('SIGTERM', () => void app.close());
await app.listen({ host: given.host, port: Number(given.port) });
