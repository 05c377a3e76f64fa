/** A request's messages as the library takes them: texts of parts joined, roles that templates know. */
import type { ChatMessage as KernelMessage } from '../../kernel/hook-table.js';
import type { RequestMessage } from '../schemas/chat.js';

const textOf = (content: RequestMessage['content']): string => (typeof content === 'string' ? content : (content ?? []).map(({ text }) => text).join(''));

export function messagesOf(messages: readonly RequestMessage[]): KernelMessage[] {
  return messages.map((message): KernelMessage => {
    const content = textOf(message.content);
    const name = message.name == null ? {} : { name: message.name };
    switch (message.role) {
      case 'developer':
      case 'system':
        return { role: 'system', content, ...name };
      case 'user':
        return { role: 'user', content, ...name };
      case 'assistant':
        return { role: 'assistant', content, ...name, ...(message.tool_calls && { tool_calls: message.tool_calls }) };
      case 'tool':
        return { role: 'tool', content, ...name, tool_call_id: message.tool_call_id };
    }
  });
}
