/** Calls of tools in answers, however they are cut into pieces. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CallReader } from '../../src/server/tools/reader.js';

const names = new Set(['add', 'find']);

/** Text and calls of an answer that comes in pieces. */
function read(pieces: readonly string[], many = true): { text: string; calls: { name: string; arguments: unknown }[] } {
  const reader = new CallReader(names, many);
  const found = [...pieces.flatMap((piece) => [...reader.read(piece)]), ...reader.end()];
  return {
    text: found.map((one) => ('text' in one ? one.text : '')).join(''),
    calls: found.flatMap((one) => ('call' in one ? [{ name: one.call.function.name, arguments: JSON.parse(one.call.function.arguments) as unknown }] : [])),
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
