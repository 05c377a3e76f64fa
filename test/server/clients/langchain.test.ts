/** @langchain/openai. */
import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { ChatOpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { beforeAll, describe, expect, it } from 'vitest';
import { KEY, PERSON, servedModel, WEATHER } from './served.js';

const served = servedModel();
let configuration: { baseURL: string };
beforeAll(() => {
  configuration = { baseURL: served.baseURL };
});
const chat = (maxTokens: number) => new ChatOpenAI({ model: 'tiny', apiKey: KEY, configuration, maxTokens, temperature: 0, maxRetries: 0, useResponsesApi: false });
const tools = [{ type: 'function' as const, function: { ...WEATHER } }];

describe('langchain', () => {
  it('invokes and streams the same text', async () => {
    const answer = await chat(8).invoke('What is the weather in Paris?');
    let text = '';
    for await (const chunk of await chat(8).stream('What is the weather in Paris?')) text += chunk.text;
    expect(text).toBe(answer.text);
    expect((answer.usage_metadata as { output_tokens: number } | undefined)?.output_tokens).toBeGreaterThan(0);
  });

  it('binds tools, and goes on after one has answered', async () => {
    const question = new HumanMessage('What is the weather in Paris?');
    const bound = chat(200).bindTools(tools, { tool_choice: 'get_weather' });
    const answer = await bound.invoke([question]);
    expect(answer.tool_calls).toMatchObject([{ name: 'get_weather', args: { city: expect.any(String) } }]);
    const then = await chat(8).invoke([question, answer, new ToolMessage({ content: '18 degrees', tool_call_id: answer.tool_calls?.[0]?.id ?? '' })]);
    expect(typeof then.text).toBe('string');
  });

  it('gives structured output', async () => {
    const person = await chat(200).withStructuredOutput(PERSON as never, { name: 'person', method: 'jsonSchema' }).invoke('Who is Ada?');
    expect(person).toEqual({ name: expect.any(String), age: expect.any(Number) });
  });

  it('embeds, reports errors, and aborts', async () => {
    const embeddings = new OpenAIEmbeddings({ model: 'words.gguf', apiKey: KEY, configuration });
    expect((await embeddings.embedDocuments(['one', 'two'])).map(({ length }) => length)).toEqual([64, 64]);
    await expect(new ChatOpenAI({ model: 'gpt-9', apiKey: KEY, configuration, maxRetries: 0, useResponsesApi: false }).invoke('x')).rejects.toMatchObject({ status: 404 });
    await expect(chat(1000).invoke('x', { signal: AbortSignal.abort() })).rejects.toThrow(/abort/i);
  });
});
