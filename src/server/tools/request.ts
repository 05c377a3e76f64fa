/** What a request's tools and response format ask of the model: what its template tells it, and the form that its answer must have. */
import { TaraError } from '../../errors.js';
import type { GenerateOptions, Tool } from '../../engine/index.js';
import type { ChatRequestBody, RequestTool } from '../schemas/chat.js';

/** How calls are found in an answer. */
export type CallForm =
  | { readonly kind: 'none' }
  /** The model may call, in the form of its kind. */
  | { readonly kind: 'free'; readonly names: ReadonlySet<string>; readonly many: boolean }
  /** The whole answer is a call, or a list of calls, as JSON. */
  | { readonly kind: 'forced' };

export interface ToolRequest {
  readonly form: CallForm;
  readonly options: Pick<GenerateOptions, 'tools' | 'jsonSchema'>;
}

type Schema = Readonly<Record<string, unknown>>;

export const toolOf = ({ function: given }: RequestTool): Tool => ({
  type: 'function',
  function: { name: given.name, ...(given.description == null ? {} : { description: given.description }), parameters: given.parameters ?? { type: 'object', properties: {} } },
});

const callSchema = ({ function: { name, parameters } }: Tool): Schema => ({
  type: 'object',
  properties: { name: { const: name }, arguments: parameters ?? { type: 'object' } },
  required: ['name', 'arguments'],
});

function callsSchema(tools: readonly Tool[], many: boolean): Schema {
  const calls = tools.map(callSchema);
  const one = calls.length === 1 && calls[0] ? calls[0] : { anyOf: calls };
  return many ? { type: 'array', items: one, minItems: 1, maxItems: 16 } : one;
}

function formatSchema(format: ChatRequestBody['response_format']): Schema | undefined {
  switch (format?.type) {
    case undefined:
    case 'text': return undefined;
    case 'json_object': return format.schema ?? { type: 'object' };
    case 'json_schema': return format.json_schema.schema;
  }
}

/** Throws TARA_REQUEST_INVALID where the parts of a request exclude each other. */
export function toolRequest({ tools: given, tool_choice: choice, parallel_tool_calls: parallel, response_format: format, json_schema: schema, grammar }: ChatRequestBody): ToolRequest {
  const jsonSchema = formatSchema(format) ?? schema ?? undefined;
  if (jsonSchema !== undefined && grammar != null) throw new TaraError('TARA_REQUEST_INVALID', { param: 'grammar', reason: 'not together with a JSON schema' });
  const plain = { form: { kind: 'none' }, options: jsonSchema === undefined ? {} : { jsonSchema } } as const;
  const tools = (given ?? []).map(toolOf);
  if (tools.length === 0) {
    if (choice == null || choice === 'none' || choice === 'auto') return plain;
    throw new TaraError('TARA_REQUEST_INVALID', { param: 'tool_choice', reason: 'there are no tools to choose from' });
  }
  if (choice === 'none') return plain;
  if (choice == null || choice === 'auto') {
    // A form for the whole answer leaves no room for a call.
    if (jsonSchema !== undefined || grammar != null) return { form: { kind: 'none' }, options: { ...plain.options, tools } };
    return { form: { kind: 'free', names: new Set(tools.map((tool) => tool.function.name)), many: parallel !== false }, options: { tools } };
  }
  if (jsonSchema !== undefined || grammar != null) throw new TaraError('TARA_REQUEST_INVALID', { param: 'tool_choice', reason: 'a call that must come leaves no room for response_format or grammar' });
  const wanted = choice === 'required' ? tools : tools.filter((tool) => tool.function.name === choice.function.name);
  if (wanted.length === 0) throw new TaraError('TARA_REQUEST_INVALID', { param: 'tool_choice', reason: 'there is no tool of this name' });
  return { form: { kind: 'forced' }, options: { tools, jsonSchema: callsSchema(wanted, choice === 'required' && parallel === true) } };
}
