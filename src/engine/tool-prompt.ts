/** Tools for models whose chat template knows none: told in a system message, called and answered in the form of Hermes and Qwen. */
import type { ChatMessage, Tool } from './types.js';

const told = (tools: readonly Tool[]): string => `You may call these functions to answer the user:
<tools>
${tools.map((tool) => JSON.stringify(tool.function)).join('\n')}
</tools>
To call one, answer with its name and arguments as JSON between tags, and nothing else:
<tool_call>
{"name": "NAME", "arguments": {}}
</tool_call>`;

function spoken(message: ChatMessage): ChatMessage {
  const content = message.content ?? '';
  if (message.role === 'tool') return { role: 'user', content: `<tool_response>\n${content}\n</tool_response>` };
  if (message.tool_calls === undefined) return { ...message, content };
  const calls = message.tool_calls.map(({ function: called }) => `<tool_call>\n{"name": ${JSON.stringify(called.name)}, "arguments": ${called.arguments}}\n</tool_call>`);
  return { role: message.role, content: [content, ...calls].filter((part) => part !== '').join('\n') };
}

/** The messages in words that every template knows: system, user, assistant. */
export function withoutToolSupport(messages: readonly ChatMessage[], tools: readonly Tool[]): ChatMessage[] {
  const plain = messages.map(spoken);
  if (tools.length === 0) return plain;
  const [first, ...rest] = plain;
  return first?.role === 'system' ? [{ role: 'system', content: `${first.content}\n\n${told(tools)}` }, ...rest] : [{ role: 'system', content: told(tools) }, ...plain];
}
