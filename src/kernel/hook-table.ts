/**
 * Every hook the core calls: its kind, what handlers get and what they answer. A plugin adds hooks
 * of its own by `hookPoints` in its definition, and their types by declaration merging:
 *
 *   import type { ParallelHook } from 'tara-gguf/plugin';
 *   declare module 'tara-gguf/plugin' { interface Hooks { 'cleanup:check': ParallelHook<Input, Answer> } }
 *
 * Types, and the one constant `CORE_HOOKS`.
 */

import type { CleanReport, DeployFile, DeployedRelease, EmotionAnalysis, RouteDecision } from './capabilities/index.js';

/**
 * - `first`: handlers run in order until one answers something other than undefined; the rest are not asked.
 * - `waterfall`: each handler gets the value the one before returned; undefined leaves it as it is.
 * - `parallel`: all run at once, all answers and errors are collected.
 * - `observe`: told, never waited for by the work; errors are only reported.
 */
export type HookKind = 'first' | 'waterfall' | 'parallel' | 'observe';

export interface FirstHook<Value, Result> { readonly kind: 'first'; readonly value: Value; readonly result: Result | undefined }
export interface WaterfallHook<Value> { readonly kind: 'waterfall'; readonly value: Value; readonly result: Value | undefined }
export interface ParallelHook<Value, Result> { readonly kind: 'parallel'; readonly value: Value; readonly result: Result | undefined }
export interface ObserveHook<Value> { readonly kind: 'observe'; readonly value: Value; readonly result: void }

export interface PhaseCleanValue {
  readonly phase: number;
  readonly domain: string;
  /** Folder of the domain's adapter; a handler that wrote a cleaned copy returns the copy's. */
  readonly path: string;
  /** Folder of the base checkpoint. */
  readonly baseDir: string;
  /** Where handlers may write; removed after the build. */
  readonly workDir: string;
  /** Added by whoever cleaned. */
  readonly reports: readonly CleanReport[];
}

export interface PhaseMetadataValue {
  readonly phase: number;
  readonly domains: readonly string[];
  /** Plain JSON by key; each becomes the string `tara.KEY` of the built file. */
  readonly metadata: Readonly<Record<string, unknown>>;
}

export interface PhaseBuiltValue {
  readonly phase: number;
  readonly domains: readonly string[];
  /** Path of the built GGUF. */
  readonly output: string;
  readonly bytes: number;
  /** Preset name. */
  readonly type: string;
  readonly seconds: number;
}

export interface ChatMessage {
  readonly role: 'system' | 'user' | 'assistant' | 'tool';
  /** Empty where an assistant only calls tools. */
  readonly content: string;
  /** Calls of tools that an assistant made, arguments as JSON text. */
  readonly tool_calls?: readonly { readonly id: string; readonly type: 'function'; readonly function: { readonly name: string; readonly arguments: string } }[] | undefined;
  /** The call that a tool's message answers. */
  readonly tool_call_id?: string | undefined;
  readonly name?: string | undefined;
}

export interface ChatPromptValue {
  readonly messages: readonly ChatMessage[];
  readonly domain: string;
  readonly userId: string | null;
  /** Null where nothing analysed the message. */
  readonly emotion: EmotionAnalysis | null;
  readonly route: RouteDecision | null;
}

export interface ChatReplyValue {
  readonly text: string;
  readonly domain: string;
  readonly userId: string | null;
  /** The message that is answered. */
  readonly question: string;
}

export interface ChatAfterValue extends ChatReplyValue {
  /** Null where nothing analysed the message. */
  readonly emotion: EmotionAnalysis | null;
}

export interface RouteScoreValue {
  readonly text: string;
  readonly domains: readonly string[];
}

export interface DeployBeforeValue {
  readonly phase: number;
  readonly files: readonly DeployFile[];
  readonly target: string;
}

/** A check's verdict; `ok: false` stops the deployment with `reason`. */
export interface DeployVerdict {
  readonly ok: boolean;
  readonly reason: string;
}

export interface ModelLoadedValue {
  readonly path: string;
  readonly bytes: number;
  readonly seconds: number;
}

export interface Hooks {
  /** Before a domain's adapter is merged: replace it by a checked, cleaned copy. An error stops the build. */
  'phase:clean': WaterfallHook<PhaseCleanValue>;
  /** Before a phase's file is written: add what whoever answers from it needs. An error stops the build. */
  'phase:metadata': WaterfallHook<PhaseMetadataValue>;
  /** A build is committed to the registry. */
  'phase:built': ObserveHook<PhaseBuiltValue>;
  /** Before anything is generated: a plugin may answer itself (a cache, a fixed text). */
  'chat:answer': FirstHook<ChatPromptValue, string>;
  /** Before the chat template is applied: change the messages. An error stops the reply. */
  'chat:prompt': WaterfallHook<ChatPromptValue>;
  /** Before a finished reply is handed out: change its text. An error withholds the reply. */
  'chat:reply': WaterfallHook<ChatReplyValue>;
  /** Before a reply streams: sentences to put before it. */
  'chat:before': ParallelHook<ChatPromptValue, string>;
  /** When a reply has streamed: sentences to put after it. */
  'chat:after': ParallelHook<ChatAfterValue, string>;
  /** Extra points for domains, -1..1 each, by domain name. */
  'route:score': ParallelHook<RouteScoreValue, Readonly<Record<string, number>>>;
  /** Before a deployment writes anything: checks, all of which must agree. */
  'deploy:before': ParallelHook<DeployBeforeValue, DeployVerdict>;
  /** A release is current. */
  'deploy:after': ObserveHook<DeployedRelease>;
  /** A model is ready to answer. */
  'model:loaded': ObserveHook<ModelLoadedValue>;
}

export type HookName = keyof Hooks & string;
export type HookValue<Name extends HookName> = Hooks[Name]['value'];
export type HookResult<Name extends HookName> = Hooks[Name]['result'];
/** The hooks of one kind. */
export type HooksOfKind<Kind extends HookKind> = { [Name in HookName]: Hooks[Name]['kind'] extends Kind ? Name : never }[HookName];

export const CORE_HOOKS = {
  'phase:clean': 'waterfall',
  'phase:metadata': 'waterfall',
  'phase:built': 'observe',
  'chat:answer': 'first',
  'chat:prompt': 'waterfall',
  'chat:reply': 'waterfall',
  'chat:before': 'parallel',
  'chat:after': 'parallel',
  'route:score': 'parallel',
  'deploy:before': 'parallel',
  'deploy:after': 'observe',
  'model:loaded': 'observe',
} as const satisfies Readonly<Record<string, HookKind>>;
