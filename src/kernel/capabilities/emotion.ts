/** What a message feels like, whether it is a crisis, and how to answer. */
import { createCapability } from '../tokens.js';

/** Plutchik's eight, in the order of every table and weight file. */
export const EMOTIONS = ['joy', 'trust', 'fear', 'surprise', 'sadness', 'disgust', 'anger', 'anticipation'] as const;
export type EmotionName = (typeof EMOTIONS)[number];

export type CrisisLevel = 'none' | 'concern' | 'acute';

export interface Crisis {
  readonly level: CrisisLevel;
  /** Names of the rules that fired, never the text itself. */
  readonly reasons: readonly string[];
}

export interface EmotionAnalysis {
  readonly text: string;
  /** The strongest emotion, `neutral` when none reaches its threshold. */
  readonly dominant: EmotionName | 'neutral';
  /** All emotions that reach their threshold, strongest first. */
  readonly labels: readonly EmotionName[];
  /** Probability 0..1 of each. */
  readonly emotions: Readonly<Record<EmotionName, number>>;
  /** 0..1. */
  readonly intensity: number;
  /** -1 (unpleasant) .. 1 (pleasant). */
  readonly valence: number;
  readonly crisis: Crisis;
  /** How the user has been, this message included; only where a user was named and history is kept. */
  readonly history?: EmotionHistory;
}

/** A user's messages so far, later ones counting more; of each only numbers are kept, never text. */
export interface EmotionHistory {
  readonly messages: number;
  /** Decayed mean of each probability. */
  readonly emotions: Readonly<Record<EmotionName, number>>;
  /** Decayed mean, -1..1. */
  readonly valence: number;
  /** 1: valence was the same in every message; 0: it swung from end to end. */
  readonly stability: number;
  /** Change of valence in a day, by weighted least squares, cut to -1..1; 0 where the messages span less than an hour. */
  readonly trend: number;
}

/** How to answer: what a template of the style engine says. */
export interface ResponseTemplate {
  readonly tone: string;
  readonly empathy_level: 'low' | 'medium' | 'high';
  readonly modifiers: readonly string[];
  readonly response_style: string;
  /** Takes the template for these messages, before all shipped ones; without it the name decides: an emotion, `neutral` or `domain.scenario`. */
  readonly when?: { readonly domains?: readonly string[] | undefined; readonly emotions?: readonly (EmotionName | 'neutral')[] | undefined; readonly intensity?: number | undefined } | undefined;
}

export interface ReplyStyle {
  /** Added to the system prompt before generation; empty when nothing is to be said. */
  readonly instructions: string;
  /** Sentences put around the reply, never inside it. */
  readonly before?: string;
  readonly after?: string;
}

export interface Emotion {
  /** With `userId` the numbers of the analysis join that user's history. */
  analyze(text: string, options?: { readonly userId?: string }): Promise<EmotionAnalysis>;
  /** How to answer in a domain. */
  style(domain: string, analysis: EmotionAnalysis): Promise<ReplyStyle>;
  /** Templates by name; assigning one adds or replaces it, and throws TARA_OPTION_INVALID where it has another form. */
  readonly responseTemplates: Record<string, ResponseTemplate>;
}

export const emotion = createCapability<Emotion>('emotion');
