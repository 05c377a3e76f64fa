/** What a sandbox would refuse in a chat template, and whether it may run without end. */
import { parse, tokenize } from '@huggingface/jinja';
import { TaraError } from '../errors.js';
import { ChatTemplate } from './chat-template.js';
import type { ChatMessage } from './types.js';

/** Jinja's sandbox gives no range longer than this. */
const MOST_RANGE = 100_000;
/** Methods that change a value: transformers renders in the immutable sandbox, which has none of them. */
const CHANGING = new Set(['append', 'extend', 'insert', 'remove', 'pop', 'popitem', 'clear', 'update', 'setdefault', 'sort', 'reverse', 'add', 'discard']);
const SAMPLES: readonly (readonly ChatMessage[])[] = [
  [{ role: 'user', content: 'Hello' }],
  [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'Hello' }, { role: 'assistant', content: 'Hi.' }, { role: 'user', content: 'Bye' }],
];

type Node = Readonly<Record<string, unknown>>;
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null;

/** Every node of a parsed template, with the macro that it lies in. */
function* nodesOf(program: unknown): Generator<{ readonly node: Node; readonly macro: string | undefined }> {
  const open: { readonly value: unknown; readonly macro: string | undefined }[] = [{ value: program, macro: undefined }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { value, macro } = next;
    if (Array.isArray(value)) for (const item of value as unknown[]) open.push({ value: item, macro });
    else if (value instanceof Map) for (const [key, item] of value as Map<unknown, unknown>) open.push({ value: key, macro }, { value: item, macro });
    else if (isNode(value)) {
      yield { node: value, macro };
      const inner = value.type === 'Macro' && isNode(value.name) ? String(value.name.value) : macro;
      for (const child of Object.values(value)) if (isNode(child)) open.push({ value: child, macro: inner });
    }
  }
}

/** The name that `.name`, `['name']` and `|attr('name')` reach. */
function attributeOf(node: Node): string | undefined {
  if (node.type === 'MemberExpression' && isNode(node.property)) {
    const { type, value } = node.property;
    return type === 'StringLiteral' || (node.computed !== true && type === 'Identifier') ? String(value) : undefined;
  }
  return undefined;
}

function calledBy(node: Node): { readonly name: string; readonly args: readonly Node[] } | undefined {
  if (node.type !== 'CallExpression' || !isNode(node.callee) || node.callee.type !== 'Identifier') return undefined;
  return { name: String(node.callee.value), args: Array.isArray(node.args) ? node.args.filter(isNode) : [] };
}

/** Macros that reach themselves by calls: nothing bounds them. */
function circles(calls: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const reaches = (from: string, wanted: string): boolean => {
    const [seen, open] = [new Set<string>(), [...(calls.get(from) ?? [])]];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      if (next === wanted) return true;
      if (!seen.has(next)) open.push(...(calls.get(next) ?? []));
      seen.add(next);
    }
    return false;
  };
  return [...calls.keys()].filter((name) => reaches(name, name));
}

function staticFaults(program: unknown): Set<string> {
  const faults = new Set<string>();
  const calls = new Map<string, Set<string>>();
  for (const { node, macro } of nodesOf(program)) {
    const attribute = attributeOf(node);
    if (attribute?.startsWith('_')) faults.add(`it reaches for ${attribute.slice(0, 60)}, which a sandbox refuses`);
    if (node.type === 'CallExpression' && isNode(node.callee)) {
      const method = attributeOf(node.callee);
      if (method !== undefined && CHANGING.has(method)) faults.add(`it calls ${method}(), which changes a value and which the immutable sandbox refuses`);
    }
    const call = calledBy(node);
    if (call === undefined) continue;
    if (macro !== undefined) calls.set(macro, (calls.get(macro) ?? new Set()).add(call.name));
    if (call.name === 'range' && call.args.some(({ type, value }) => /^(Integer|Float|Numeric)Literal$/.test(String(type)) && Number(value) > MOST_RANGE)) faults.add(`its range is longer than ${MOST_RANGE}, which a sandbox refuses`);
  }
  for (const name of circles(calls)) faults.add(`its macro ${name.slice(0, 60)} calls itself, which nothing bounds`);
  return faults;
}

/** Faults of a chat template, each a line; none for one that can be used. What the template itself refuses (raise_exception) is none. */
export function checkChatTemplate(source: string): string[] {
  let program: unknown;
  try {
    program = (parse as (tokens: unknown) => unknown)((tokenize as (source: string, options: object) => unknown)(source, { lstrip_blocks: true, trim_blocks: true }));
  } catch (thrown) {
    return [`it does not parse: ${thrown instanceof Error ? thrown.message.split('\n')[0] ?? '' : String(thrown)}`];
  }
  const faults = staticFaults(program);
  const template = new ChatTemplate(source);
  for (const messages of faults.size > 0 ? [] : SAMPLES) {
    try {
      template.render({ messages, addGenerationPrompt: true, bosToken: '<s>', eosToken: '</s>' });
    } catch (thrown) {
      const reason = thrown instanceof TaraError ? String(thrown.fields.reason) : '';
      if (/ran into the limit|call stack/i.test(reason)) faults.add(`it may run without end: ${reason}`);
    }
  }
  return [...faults];
}
