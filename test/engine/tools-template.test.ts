/** Tools in chat templates: those that know them, and those that do not. */
import { describe, expect, test } from 'vitest';
import { ChatTemplate, CHATML, type ChatMessage, type Tool } from '../../src/engine/index.js';

const tools: Tool[] = [{ type: 'function', function: { name: 'add', description: 'Adds', parameters: { type: 'object', properties: { a: { type: 'number' } } } } }];
const called: ChatMessage[] = [
  { role: 'user', content: 'What is 1?' },
  { role: 'assistant', content: null, tool_calls: [{ id: 'call-1', type: 'function', function: { name: 'add', arguments: '{"a": 1}' } }] },
  { role: 'tool', content: '1', tool_call_id: 'call-1', name: 'add' },
];
const render = (source: string, messages: readonly ChatMessage[], given: readonly Tool[]) => new ChatTemplate(source).render({ messages, tools: given, addGenerationPrompt: true, bosToken: '', eosToken: '' });

describe('a template that knows tools', () => {
  const source = "{% if tools is not none %}{% for tool in tools %}{{ tool | tojson }}{% endfor %}{% endif %}{% for m in messages %}[{{ m.role }}:{% if m.tool_calls %}{% for c in m.tool_calls %}{{ c.function.name }}({{ c.function.arguments.a }}){% endfor %}{% else %}{{ m.content }}{% endif %}]{% endfor %}";

  test('gets them, with the arguments of calls as objects', () => {
    expect(render(source, called, tools)).toBe('{"type": "function", "function": {"name": "add", "description": "Adds", "parameters": {"type": "object", "properties": {"a": {"type": "number"}}}}}[user:What is 1?][assistant:add(1)][tool:1]');
  });

  test('gets none where there are none', () => {
    expect(render(source, called.slice(0, 1), [])).toBe('[user:What is 1?]');
  });
});

describe('a template that knows no tools', () => {
  test('is told of them by a system message, and of calls and answers in words', () => {
    const text = render(CHATML, called, tools);
    expect(text).toMatch(/^<\|im_start\|>system\nYou may call[^]*"name":"add"[^]*<\|im_end\|>\n<\|im_start\|>user\nWhat is 1\?/);
    expect(text).toContain('<|im_start|>assistant\n<tool_call>\n{"name": "add", "arguments": {"a": 1}}\n</tool_call><|im_end|>');
    expect(text).toContain('<|im_start|>user\n<tool_response>\n1\n</tool_response><|im_end|>');
  });

  test('keeps a system message of its own in front', () => {
    expect(render(CHATML, [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'hi' }], tools)).toMatch(/^<\|im_start\|>system\nBe brief\.\n\nYou may call/);
  });
});
