/** The ai npm client, version 6, with its OpenAI-compatible provider and with OpenAI's own. */
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { APICallError, embedMany, generateText, jsonSchema, Output, streamText, tool, type ToolSet } from 'ai';
import { beforeAll, describe, expect, it } from 'vitest';
import { KEY, PERSON, servedModel, WEATHER } from './served.js';

const served = servedModel();
type Provider = ReturnType<typeof createOpenAICompatible>;
let compatible: Provider;
beforeAll(() => {
  compatible = createOpenAICompatible({ name: 'tara', apiKey: KEY, baseURL: served.baseURL, includeUsage: true, supportsStructuredOutputs: true });
});

// Its types disagree with themselves under exactOptionalPropertyTypes.
const tools = { get_weather: tool({ description: WEATHER.description, inputSchema: jsonSchema<{ city: string; unit: string }>(WEATHER.parameters as never) }) } as unknown as ToolSet;

describe('the ai client', () => {
  const prompt = 'What is the weather in Paris?';

  it('generates and streams the same text', async () => {
    const request = { model: compatible('tiny'), prompt, maxOutputTokens: 8, temperature: 0 };
    const { text, usage } = await generateText(request);
    const streamed = streamText(request);
    let joined = '';
    for await (const part of streamed.textStream) joined += part;
    expect(joined).toBe(text);
    expect((await streamed.usage).outputTokens).toBe(usage.outputTokens);
  });

  it('works through OpenAI\'s own provider', async () => {
    const openai = createOpenAI({ apiKey: KEY, baseURL: served.baseURL });
    const { text } = await generateText({ model: openai.chat('tiny'), prompt, maxOutputTokens: 8 });
    expect(typeof text).toBe('string');
  });

  it('calls a tool that must be called, whole and streamed', async () => {
    const request = { model: compatible('tiny'), prompt, tools, toolChoice: 'required' as const, maxOutputTokens: 200, temperature: 0 };
    const { toolCalls, finishReason } = await generateText(request);
    expect(finishReason).toBe('tool-calls');
    expect(toolCalls[0]).toMatchObject({ toolName: 'get_weather', input: { city: expect.any(String), unit: expect.stringMatching(/celsius|fahrenheit/) } });
    const streamed = await streamText(request).toolCalls;
    expect(streamed[0]).toMatchObject({ toolName: 'get_weather', input: { city: expect.any(String) } });
  });

  it('keeps to a JSON schema', async () => {
    const { output } = await generateText({ model: compatible('tiny'), prompt: 'Who is Ada?', maxOutputTokens: 200, temperature: 0, output: Output.object({ schema: jsonSchema<{ name: string; age: number }>(PERSON as never) }) });
    expect(output).toEqual({ name: expect.any(String), age: expect.any(Number) });
  });

  it('embeds', async () => {
    const { embeddings } = await embedMany({ model: compatible.textEmbeddingModel('words.gguf'), values: ['one', 'two'] });
    expect(embeddings.map(({ length }) => length)).toEqual([64, 64]);
  });

  it('reports errors, and aborts', async () => {
    const failed = await generateText({ model: compatible('gpt-9'), prompt, maxRetries: 0 }).catch((error: unknown) => error);
    expect(APICallError.isInstance(failed) && failed.statusCode).toBe(404);
    await expect(generateText({ model: compatible('tiny'), prompt, abortSignal: AbortSignal.abort(), maxRetries: 0 })).rejects.toMatchObject({ name: 'AbortError' });
  });
});
