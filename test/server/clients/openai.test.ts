/** The openai npm client, version 6. */
import OpenAI, { APIUserAbortError, AuthenticationError, BadRequestError, NotFoundError } from 'openai';
import { beforeAll, describe, expect, it } from 'vitest';
import { KEY, PERSON, servedModel, WEATHER } from './served.js';

const served = servedModel();
let client: OpenAI;
beforeAll(() => {
  client = new OpenAI({ apiKey: KEY, baseURL: served.baseURL, maxRetries: 0 });
});

const messages = [{ role: 'user' as const, content: 'What is the weather in Paris?' }];
const tools = [{ type: 'function' as const, function: { ...WEATHER } }];

describe('the openai client', () => {
  it('lists models', async () => {
    const ids = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toEqual(expect.arrayContaining(['default', 'tiny', 'auto']));
  });

  it('chats', async () => {
    const answer = await client.chat.completions.create({ model: 'tiny', messages, max_tokens: 8, temperature: 0 });
    expect(answer.choices[0]?.message).toMatchObject({ role: 'assistant', refusal: null });
    expect(typeof answer.choices[0]?.message.content).toBe('string');
    expect(answer.usage?.completion_tokens).toBeGreaterThan(0);
  });

  it('streams the same text, with the usage at the end', async () => {
    const request = { model: 'tiny', messages, max_tokens: 8, temperature: 0 };
    const whole = await client.chat.completions.create(request);
    const stream = await client.chat.completions.create({ ...request, stream: true, stream_options: { include_usage: true } });
    let text = '';
    let usage;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    expect(text).toBe(whole.choices[0]?.message.content);
    expect(usage?.completion_tokens).toBe(whole.usage?.completion_tokens);
  });

  it('calls tools that must be called, whole and streamed', async () => {
    const request = { model: 'tiny', messages, tools, tool_choice: 'required' as const, max_tokens: 200, temperature: 0 };
    const whole = await client.chat.completions.create(request);
    const check = (call: OpenAI.Chat.ChatCompletionMessageToolCall | undefined) => {
      if (call?.type !== 'function') throw new Error('no call of a function');
      expect(call.function.name).toBe('get_weather');
      const given = JSON.parse(call.function.arguments) as { city: unknown; unit: unknown };
      expect(typeof given.city).toBe('string');
      expect(['celsius', 'fahrenheit']).toContain(given.unit);
    };
    expect(whole.choices[0]?.finish_reason).toBe('tool_calls');
    check(whole.choices[0]?.message.tool_calls?.[0]);
    const final = await client.chat.completions.stream({ ...request, tool_choice: { type: 'function', function: { name: 'get_weather' } } }).finalChatCompletion();
    check(final.choices[0]?.message.tool_calls?.[0]);
  });

  it('goes on after a tool\'s answer', async () => {
    const answer = await client.chat.completions.create({
      model: 'tiny', max_tokens: 8, tools,
      messages: [
        ...messages,
        { role: 'assistant', content: null, tool_calls: [{ id: 'call-1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Paris","unit":"celsius"}' } }] },
        { role: 'tool', tool_call_id: 'call-1', content: '18 degrees' },
      ],
    });
    expect(answer.choices).toHaveLength(1);
  });

  it('keeps to a JSON schema', async () => {
    const answer = await client.chat.completions.create({
      model: 'tiny', messages: [{ role: 'user', content: 'Who is Ada?' }], max_tokens: 200, temperature: 0,
      response_format: { type: 'json_schema', json_schema: { name: 'person', schema: PERSON, strict: true } },
    });
    const person = JSON.parse(answer.choices[0]?.message.content ?? '') as { name: unknown; age: unknown };
    expect(typeof person.name).toBe('string');
    expect(Number.isInteger(person.age)).toBe(true);
  });

  it('gives log-probabilities', async () => {
    const answer = await client.chat.completions.create({ model: 'tiny', messages, max_tokens: 3, logprobs: true, top_logprobs: 3, temperature: 0 });
    expect(answer.choices[0]?.logprobs?.content?.[0]?.top_logprobs).toHaveLength(3);
  });

  it('completes, and embeds in base64 unasked', async () => {
    expect((await client.completions.create({ model: 'tiny', prompt: 'Once', max_tokens: 4 })).choices).toHaveLength(1);
    const { data } = await client.embeddings.create({ model: 'words.gguf', input: ['one', 'two'] });
    expect(data.map(({ embedding }) => embedding.length)).toEqual([64, 64]);
    expect(Math.hypot(...data[0]?.embedding ?? [])).toBeCloseTo(1, 4);
  });

  it('turns errors into its own classes', async () => {
    await expect(client.chat.completions.create({ model: 'gpt-9', messages })).rejects.toThrow(NotFoundError);
    await expect(client.chat.completions.create({ model: 'tiny', messages, temperature: -1 })).rejects.toMatchObject({ constructor: BadRequestError, param: 'temperature' });
    await expect(client.chat.completions.create({ model: 'tiny', messages: [{ role: 'user', content: 'x '.repeat(20_000) }] })).rejects.toMatchObject({ code: 'context_length_exceeded' });
    await expect(new OpenAI({ apiKey: 'wrong', baseURL: served.baseURL, maxRetries: 0 }).models.list()).rejects.toThrow(AuthenticationError);
  });

  it('aborts: the slot is free again', async () => {
    const controller = new AbortController();
    const stream = await client.chat.completions.create({ model: 'tiny', messages, max_tokens: 1000, stream: true, temperature: 0, logit_bias: {} }, { signal: controller.signal });
    let chunks = 0;
    for await (const { id } of stream) {
      expect(id).toMatch(/^chatcmpl-/);
      chunks += 1;
      if (chunks === 2) controller.abort();
    }
    await expect(client.chat.completions.create({ model: 'tiny', messages, max_tokens: 1000 }, { signal: AbortSignal.abort() })).rejects.toThrow(APIUserAbortError);
    const free = async (): Promise<boolean> => /^tara_requests_processing 0$/m.test(await (await fetch(`${served.server.url}/metrics`, { headers: { authorization: `Bearer ${KEY}` } })).text());
    await expect.poll(free, { timeout: 5000 }).toBe(true);
  });
});
