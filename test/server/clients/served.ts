/** The server that npm clients are tested against: over SmolLM2 where it is cached, over a written model and saying so elsewhere. */
import { join } from 'node:path';
import { beforeAll } from 'vitest';
import type { TaraServer } from '../../../src/server/index.js';
import { realModel, temporaryFolder } from '../../engine/setup.js';
import { writeTinyModel } from '../../support/tiny-model.js';
import { closeServers, start, writeClosingModel } from '../support.js';

export const KEY = 'secret';

export interface Served {
  server: TaraServer;
  baseURL: string;
}

export function servedModel(): Served {
  const folder = temporaryFolder();
  const served = {} as Served;
  closeServers();
  beforeAll(async () => {
    const real = realModel();
    if (real === undefined) console.log('the npm clients are tested against a written model: SmolLM2 is not there, `node scripts/models.mjs smollm2` fetches it');
    served.server = await start(real ?? await writeClosingModel(folder.path), {
      apiKeys: [KEY], aliases: ['tiny'], embeddingModel: await writeTinyModel(join(folder.path, 'words.gguf'), { causal: false }),
      load: { slots: 4, contextSize: 1024 },
    });
    served.baseURL = `${served.server.url}/v1`;
  });
  return served;
}

/** A function with one argument of each kind that matters. */
export const WEATHER = {
  name: 'get_weather',
  description: 'The weather in a city',
  parameters: {
    type: 'object',
    properties: { city: { type: 'string', maxLength: 20 }, unit: { type: 'string', enum: ['celsius', 'fahrenheit'] } },
    required: ['city', 'unit'],
    additionalProperties: false,
  },
} as const;

export const PERSON = {
  type: 'object',
  properties: { name: { type: 'string', maxLength: 20 }, age: { type: 'integer', minimum: 0, maximum: 150 } },
  required: ['name', 'age'],
  additionalProperties: false,
} as const;
