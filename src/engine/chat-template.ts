/** Chat templates (Jinja) with bounds: a template comes from a file, and a loop without end must not hold the process. */
import { Environment, Interpreter, parse, tokenize } from '@huggingface/jinja';
import { TaraError } from '../errors.js';
import { withoutToolSupport } from './tool-prompt.js';
import type { ChatMessage, Tool } from './types.js';

/** The library's declarations do not resolve under nodenext; these are the parts used here. */
type Program = object;
interface Value {
  readonly value: unknown;
}
interface Scope {
  set(name: string, value: unknown): unknown;
}
interface Evaluator {
  run(program: Program): Value;
  evaluate(statement: Program | undefined, scope: Scope): Value;
}
const newScope = (): Scope => new (Environment as new () => Scope)();
const parseTemplate = (source: string): Program =>
  (parse as (tokens: unknown) => Program)((tokenize as (source: string, options: object) => unknown)(source, { lstrip_blocks: true, trim_blocks: true }));
const LibraryInterpreter = Interpreter as new (scope: Scope) => Evaluator;

/** Milliseconds for one rendering, characters of one text, items of one list, characters of a template. */
const LIMITS = { ms: 500, text: 1 << 23, items: 1 << 17, source: 1 << 20 };
/** Work between two looks at the clock: a node, or an item of a list it gave (a loop over it evaluates no further node). */
const WORK_BETWEEN_LOOKS = 4096;

/** What llama.cpp uses for a model without a template. */
export const CHATML = `{%- for message in messages -%}
{{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>\\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\\n' -}}{%- endif -%}`;

const exceeded = (what: string): Error => new Error(`it ran into the limit on ${what}`);

/** Looks at the clock and at every value, so that neither time nor memory can run away. */
class BoundedInterpreter extends LibraryInterpreter {
  #work = 0;
  readonly #deadline = performance.now() + LIMITS.ms;

  override evaluate(statement: Program | undefined, scope: Scope): Value {
    const result = super.evaluate(statement, scope);
    const { value } = result;
    if (typeof value === 'string' && value.length > LIMITS.text) throw exceeded('text');
    if (Array.isArray(value) && value.length > LIMITS.items) throw exceeded('list items');
    this.#work += Array.isArray(value) ? 1 + value.length : 1;
    if (this.#work > WORK_BETWEEN_LOOKS) {
      this.#work = 0;
      if (performance.now() > this.#deadline) throw exceeded('time');
    }
    return result;
  }
}

/** Python's range; the templating library's own would first build the whole list. */
function range(start: number, stop?: number, step = 1): number[] {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  if (step === 0) throw new Error('range() step must not be zero');
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (!(count <= LIMITS.items)) throw exceeded('list items');
  return Array.from({ length: count }, (_, index) => from + index * step);
}

const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'];

/** The strftime codes that chat templates use, in local time. */
function strftime(format: string, now = new Date()): string {
  const two = (value: number): string => String(value).padStart(2, '0');
  const month = MONTHS[now.getMonth()] ?? '';
  const codes: Record<string, string> = {
    Y: String(now.getFullYear()), m: two(now.getMonth() + 1), d: two(now.getDate()), B: month, b: month.slice(0, 3),
    H: two(now.getHours()), M: two(now.getMinutes()), S: two(now.getSeconds()), '%': '%',
  };
  return format.replace(/%([a-zA-Z%])/g, (whole, code: string) => codes[code] ?? whole);
}

function globals(): Scope {
  const scope = newScope();
  for (const [name, value] of [['true', true], ['True', true], ['false', false], ['False', false], ['none', null], ['None', null]] as const) {
    scope.set(name, value);
  }
  scope.set('range', range);
  scope.set('strftime_now', (format: string) => strftime(format));
  scope.set('raise_exception', (reason: string) => {
    throw new Error(reason);
  });
  return scope;
}

const failed = (thrown: unknown): TaraError => {
  const reason = thrown instanceof Error ? thrown.message : String(thrown);
  return new TaraError('TARA_CHAT_TEMPLATE', { reason: reason.split('\n')[0] ?? reason }, { cause: thrown });
};

export interface TemplateInput {
  readonly messages: readonly ChatMessage[];
  /** None where it is empty. */
  readonly tools?: readonly Tool[];
  readonly addGenerationPrompt: boolean;
  readonly bosToken: string;
  readonly eosToken: string;
}

/** Arguments as an object, which templates write as JSON; the text itself where it is no JSON. */
function forTemplate(message: ChatMessage): object {
  if (message.tool_calls === undefined) return message;
  return { ...message, content: message.content ?? '', tool_calls: message.tool_calls.map((call) => ({ ...call, function: { ...call.function, arguments: parsed(call.function.arguments) } })) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** A template, parsed at its first use. Fails with TARA_CHAT_TEMPLATE. */
export class ChatTemplate {
  readonly #source: string;
  #program: Program | undefined;

  constructor(source: string) {
    this.#source = source;
  }

  #parsed(): Program {
    if (this.#source.length > LIMITS.source) throw exceeded('the length of a template');
    return (this.#program ??= parseTemplate(this.#source));
  }

  /** Whether it writes tools itself. */
  get knowsTools(): boolean {
    return /\btools\b/.test(this.#source);
  }

  render(input: TemplateInput): string {
    try {
      const program = this.#parsed();
      const scope = globals();
      const tools = input.tools ?? [];
      const messages = this.knowsTools ? input.messages.map(forTemplate) : withoutToolSupport(input.messages, tools);
      scope.set('messages', messages.map((message) => ({ ...message })));
      // As transformers does where there are none.
      scope.set('tools', this.knowsTools && tools.length > 0 ? tools.map((tool) => structuredClone(tool)) : null);
      scope.set('add_generation_prompt', input.addGenerationPrompt);
      scope.set('bos_token', input.bosToken);
      scope.set('eos_token', input.eosToken);
      return String(new BoundedInterpreter(scope).run(program).value);
    } catch (thrown) {
      throw failed(thrown);
    }
  }
}
