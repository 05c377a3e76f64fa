/** Calls of tools in answers, however they are cut into pieces. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_USAGE, type AnswerEvent } from '../../src/server/answers/events.js';
import { CallReader } from '../../src/server/tools/reader.js';
import { withCalls, type ChatAnswerEvent } from '../../src/server/tools/stage.js';

const names = new Set(['add', 'find']);

/** Text and calls of an answer that comes in pieces. */
function read(pieces: readonly string[], many = true): { text: string; calls: { name: string; arguments: unknown }[] } {
  const reader = new CallReader(names, many);
  const found = [...pieces.flatMap((piece) => [...reader.read(piece)]), ...reader.end()];
  const calls: { name: string; written: string }[] = [];
  for (const one of found) {
    if (one.type === 'call') calls.push({ name: one.name, written: '' });
    if (one.type === 'arguments') calls.at(-1)!.written += one.text;
  }
  return {
    text: found.map((one) => (one.type === 'text' ? one.text : '')).join(''),
    calls: calls.map(({ name, written }) => ({ name, arguments: JSON.parse(written) as unknown })),
  };
}

const ADD = { name: 'add', arguments: { a: 1, b: [2] } };
const FIND = { name: 'find', arguments: { what: '</tool_call> in a text }' } };

const CASES: readonly { readonly says: string; readonly text: string; readonly calls: readonly object[] }[] = [
  { says: `Let me see.\n<tool_call>\n${JSON.stringify(ADD)}\n</tool_call>`, text: 'Let me see.\n', calls: [ADD] },
  { says: `<tool_call>${JSON.stringify(ADD)}</tool_call><tool_call>${JSON.stringify({ ...ADD, arguments: {} })}</tool_call> done`, text: ' done', calls: [ADD, { name: 'add', arguments: {} }] },
  { says: `<tool_call>${JSON.stringify(ADD)}`, text: '', calls: [ADD] },
  { says: `[TOOL_CALLS]${JSON.stringify([ADD, FIND])}`, text: '', calls: [ADD, FIND] },
  { says: `[TOOL_CALLS] [${JSON.stringify(ADD)}]`, text: '', calls: [ADD] },
  { says: JSON.stringify({ name: 'find', parameters: { what: 'x' } }), text: '', calls: [{ name: 'find', arguments: { what: 'x' } }] },
  { says: ` <|python_tag|>${JSON.stringify({ name: 'find', parameters: { what: 'x' } })}`, text: ' ', calls: [{ name: 'find', arguments: { what: 'x' } }] },
  { says: JSON.stringify([ADD]), text: '', calls: [ADD] },
  { says: `[TOOL_CALLS][{"id": "abc", "name": "add", "arguments": {"a": "}\\\\"}}, {"arguments": {"b": 1}, "name": "find", "id": "d"}]`, text: '', calls: [{ name: 'add', arguments: { a: '}\\' } }, { name: 'find', arguments: { b: 1 } }] },
  { says: '<tool_call>{"name": "add", "arguments": "{\\"a\\": 1}"}</tool_call>', text: '', calls: [{ name: 'add', arguments: { a: 1 } }] },
  { says: '<tool_call>{"name": "add"}</tool_call>', text: '', calls: [{ name: 'add', arguments: {} }] },
  { says: '<tool_call>{"name": "add", "arguments": {}}}</tool_call>', text: '', calls: [{ name: 'add', arguments: {} }] },
  { says: '{"name": "add", "arguments": {}} and so on', text: ' and so on', calls: [{ name: 'add', arguments: {} }] },
  { says: '[{"name": "other", "arguments": {}}, {"name": "add", "arguments": {}}]', text: '[{"name": "other", "arguments": {}}, ]', calls: [{ name: 'add', arguments: {} }] },
  { says: '{"city": {"name": "add", "arguments": {}}}', text: '{"city": {"name": "add", "arguments": {}}}', calls: [] },
  { says: '{"name": "other", "arguments": {}}', text: '{"name": "other", "arguments": {}}', calls: [] },
  { says: '[1, 2] is a list', text: '[1, 2] is a list', calls: [] },
  { says: '<tool_call>no json</tool_call> and more', text: '<tool_call>no json</tool_call> and more', calls: [] },
  { says: 'a < b, [TOOL and <tool', text: 'a < b, [TOOL and <tool', calls: [] },
  { says: '', text: '', calls: [] },
];

describe('calls in an answer', () => {
  it.each(CASES)('$says', ({ says, text, calls }) => {
    expect(read([says])).toEqual({ text, calls });
  });

  it('are the same wherever the answer is cut', () => {
    fc.assert(fc.property(fc.constantFrom(...CASES), fc.array(fc.nat(200), { maxLength: 20 }), ({ says, text, calls }, cuts) => {
      const places = [0, ...cuts.map((cut) => cut % (says.length + 1)).sort((a, b) => a - b), says.length];
      expect(read(places.slice(1).map((end, index) => says.slice(places[index], end)))).toEqual({ text, calls });
    }));
  });

  it('lose no character of an answer without marks', () => {
    fc.assert(fc.property(fc.array(fc.string()), (pieces) => {
      expect(read(pieces).text).toBe(pieces.join(''));
    }));
  });

  it('are one where no more are wanted', () => {
    expect(read([`[TOOL_CALLS]${JSON.stringify([ADD, FIND])}`], false).calls).toEqual([ADD]);
  });
});

describe('a call in a stream', () => {
  const end: AnswerEvent = { type: 'end', finishReason: 'stop', usage: NO_USAGE, generation: undefined };
  async function told(pieces: readonly string[], form: 'free' | 'forced', last: AnswerEvent = end): Promise<ChatAnswerEvent[]> {
    async function* answer(): AsyncGenerator<AnswerEvent> {
      for (const text of pieces) yield { type: 'text', text };
      yield last;
    }
    const events = [];
    for await (const event of withCalls(answer(), form === 'free' ? { kind: 'free', names, many: true } : { kind: 'forced' })) events.push(event);
    return events;
  }

  it.each(['free', 'forced'] as const)('is told piece by piece as it is written, its spaces kept: %s', async (form) => {
    const events = await told(['{"name": "add", ', '"arguments"', ': {"a', '": [1, ', '2]', '}}'], form);
    expect(events).toEqual([
      { type: 'call', id: expect.stringMatching(/^call-/), name: 'add' },
      ...['{"a', '": [1, ', '2]', '}'].map((text) => ({ type: 'arguments', text })),
      { ...end, finishReason: 'tool_calls' },
    ]);
  });

  it('that the length cuts off is none to be made', async () => {
    const cut = { ...end, finishReason: 'length' } as const;
    expect((await told(['{"name": "add", "arguments": {"a": '], 'forced', cut)).at(-1)).toEqual(cut);
    expect(await told(['{"na'], 'forced', cut)).toEqual([{ type: 'text', text: '{"na' }, cut]);
    expect((await told(['<tool_call>{"name": "add", "arguments": {}}'], 'free', cut)).at(-1)).toEqual({ ...cut, finishReason: 'tool_calls' });
  });
});
