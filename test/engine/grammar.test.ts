/** Answers bound by a grammar or a JSON schema, of a model that would say anything. */
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createEngine, type GenerateOptions, type Model } from '../../src/engine/index.js';
import { writeTinyModel } from '../support/tiny-model.js';
import { temporaryFolder } from './setup.js';

const folder = temporaryFolder();
const engine = createEngine();
let model: Model;

beforeAll(async () => {
  model = await engine.load(await writeTinyModel(join(folder.path, 'random.gguf')), { slots: 4, threads: 1, contextSize: 1024 });
});
afterAll(() => engine.dispose());

const say = async (options: GenerateOptions): Promise<string> => (await model.generate('say', { temperature: 1.5, topK: 0, topP: 1, minP: 0, maxTokens: 900, ...options }).result).text;

interface Case {
  readonly schema: object;
  readonly holds: (value: unknown) => boolean;
}

const leaf: fc.Arbitrary<Case> = fc.oneof(
  fc.constant({ schema: { type: 'boolean' }, holds: (value: unknown) => typeof value === 'boolean' }),
  fc.constant({ schema: { type: 'null' }, holds: (value: unknown) => value === null }),
  fc.tuple(fc.integer({ min: -500, max: 500 }), fc.nat(1000)).map(([low, more]) => ({
    schema: { type: 'integer', minimum: low, maximum: low + more },
    holds: (value: unknown) => Number.isInteger(value) && (value as number) >= low && (value as number) <= low + more,
  })),
  fc.uniqueArray(fc.oneof(fc.string({ maxLength: 6 }), fc.integer({ min: -1000, max: 1000 }), fc.boolean()), { minLength: 1, maxLength: 4 }).map((values) => ({ schema: { enum: values }, holds: (value: unknown) => values.includes(value as never) })),
  fc.nat(4).map((length) => ({
    schema: { type: 'string', minLength: length, maxLength: length + 3 },
    // llama.cpp's matcher counts a code point that is none (a surrogate in three bytes) as one; it decodes to several U+FFFD.
    holds: (value: unknown) => typeof value === 'string' && [...value].length >= length && (value.includes('\ufffd') || [...value].length <= length + 3),
  })),
  fc.constant({ schema: { type: 'string', pattern: '^[a-c]{2}-[0-9]$' }, holds: (value: unknown) => typeof value === 'string' && /^[a-c]{2}-[0-9]$/.test(value) }),
);
const nested: fc.Arbitrary<Case> = fc.letrec<{ any: Case }>((tie) => ({
  any: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.tuple(tie('any'), fc.nat(2)).map(([{ schema, holds }, count]) => ({
      schema: { type: 'array', items: schema, minItems: count, maxItems: count + 1 },
      holds: (value: unknown) => Array.isArray(value) && value.length >= count && value.length <= count + 1 && value.every(holds),
    })),
    fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), tie('any'), { minKeys: 1, maxKeys: 3 }).map((parts) => ({
      schema: { type: 'object', properties: Object.fromEntries(Object.entries(parts).map(([key, { schema }]) => [key, schema])), required: Object.keys(parts), additionalProperties: false },
      holds: (value: unknown) => typeof value === 'object' && value !== null && Object.keys(value).length === Object.keys(parts).length
        && Object.entries(parts).every(([key, part]) => part.holds((value as Record<string, unknown>)[key])),
    })),
  ),
})).any;

test('what a schema binds parses, and holds to it', async () => {
  await fc.assert(fc.asyncProperty(nested, fc.nat(1000), async ({ schema, holds }, seed) => {
    const text = await say({ jsonSchema: schema, seed });
    expect(holds(JSON.parse(text)), `${JSON.stringify(schema)}: ${text}`).toBe(true);
  }), { numRuns: 60 });
});

test('a grammar is the whole answer', async () => {
  const answers = await Promise.all(Array.from({ length: 20 }, (_, seed) => say({ grammar: 'root ::= ("yes" | "no") " " [0-9]{1,3} "é"?', seed })));
  for (const answer of answers) expect(answer).toMatch(/^(yes|no) \d{1,3}é?$/);
  expect(new Set(answers).size).toBeGreaterThan(5);
});

describe('refused, and the model goes on', () => {
  const deep = Array.from({ length: 50 }, (_, index) => `r${index} ::= r${index + 1} "a" | r${index + 1} "b"`).join('\n');
  test.each([
    ['nothing', ''], ['no root', 'x ::= "a"'], ['left recursion', 'root ::= root "a" | "b"'], ['hidden left recursion', 'root ::= a root "y" | "x"\na ::= b\nb ::= ""'],
    ['an unknown rule', 'root ::= other'], ['an open string', 'root ::= "a'], ['an open class', 'root ::= [a'], ['open brackets', `root ::= ${'('.repeat(100_000)}`],
    ['too many repetitions', 'root ::= "a"{99999}'], ['repetitions of repetitions', `root ::= ${'"a"{0,2000} '.repeat(2000)}`], ['a zero byte', 'root ::= "a"\0'],
    ['too many ways', `${deep}\nr50 ::= "x"\nroot ::= r0`], ['a taken name', 'tara-entry ::= root\nroot ::= "a"'], ['a token there is not', 'root ::= <[999999]>'],
  ])('%s', async (_, grammar) => {
    await expect(say({ grammar })).rejects.toMatchObject({ code: 'TARA_GRAMMAR_INVALID' });
    expect(await say({ grammar: 'root ::= "ok"' })).toBe('ok');
  });

  test.each([
    { $ref: 'https://example.org/schema' }, { $ref: '#/$defs/none' }, { type: 'number', minimum: 1 }, { type: 'array', items: {}, uniqueItems: true }, { type: 'string', pattern: '^(?=a)b$' },
    { type: 'string', pattern: 'b' }, { type: 'word' }, { not: {} }, { type: 'object', required: ['a'] }, { minimum: 3 }, { anyOf: [{ type: 'string' }], minLength: 2 },
  ])('%j', async (jsonSchema) => {
    await expect(say({ jsonSchema })).rejects.toMatchObject({ code: 'TARA_JSON_SCHEMA_UNSUPPORTED' });
  });

  test('both at once', async () => {
    await expect(say({ grammar: 'root ::= "a"', jsonSchema: {} })).rejects.toMatchObject({ code: 'TARA_OPTION_INVALID', fields: { option: 'grammar' } });
  });
});
