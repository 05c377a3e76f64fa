/** How to answer: a style for each emotion, and scenarios of a domain that override it. Data only. */

import type { EmotionName, ResponseTemplate } from 'tara-gguf/plugin';

export const EMOTION_STYLES: Readonly<Record<EmotionName | 'neutral', ResponseTemplate>> = {
  joy: { tone: 'warm and upbeat', empathy_level: 'medium', modifiers: ['share the good mood briefly'], response_style: 'encouraging, to the point' },
  trust: { tone: 'friendly and steady', empathy_level: 'medium', modifiers: ['be open about what you do not know'], response_style: 'candid and cooperative' },
  fear: { tone: 'calm and reassuring', empathy_level: 'high', modifiers: ['name the worry once, without repeating it', 'put the safest next step first'], response_style: 'short, clear steps; no alarming asides' },
  surprise: { tone: 'composed and curious', empathy_level: 'medium', modifiers: ['explain what happened before what to do'], response_style: 'explanatory' },
  sadness: { tone: 'gentle and patient', empathy_level: 'high', modifiers: ['acknowledge the feeling in one sentence', 'offer no silver lining unasked'], response_style: 'soft wording, one small next step' },
  disgust: { tone: 'matter-of-fact and respectful', empathy_level: 'medium', modifiers: ['take the complaint seriously', 'do not repeat the unpleasant detail'], response_style: 'factual, solution first' },
  anger: { tone: 'calm and direct', empathy_level: 'high', modifiers: ['acknowledge what went wrong, do not argue', 'no exclamation marks'], response_style: 'brief, solution first' },
  anticipation: { tone: 'energetic and practical', empathy_level: 'low', modifiers: ['keep the plan moving'], response_style: 'concrete next steps' },
  neutral: { tone: 'plain and helpful', empathy_level: 'low', modifiers: [], response_style: 'direct' },
};

export interface Scenario {
  readonly name: string;
  /** It holds for these dominant emotions … */
  readonly emotions: readonly EmotionName[];
  /** … from this intensity on. */
  readonly intensity: number;
  readonly style: ResponseTemplate;
}

const DISTRESS = ['fear', 'sadness', 'anger', 'disgust'] as const;
const DELIGHT = ['joy', 'trust', 'anticipation'] as const;

/** The first scenario of a domain that holds is taken. */
export const SCENARIOS: Readonly<Record<string, readonly Scenario[]>> = {
  healthcare: [
    { name: 'crisis', emotions: ['fear', 'sadness'], intensity: 0.4, style: { tone: 'calm and supportive', empathy_level: 'high', modifiers: ['say when to seek care in person', 'no diagnosis, no promise'], response_style: 'short, clear steps, safest first' } },
    { name: 'wellness', emotions: [...DELIGHT], intensity: 0.2, style: { tone: 'warm and encouraging', empathy_level: 'medium', modifiers: ['praise the effort, not the number'], response_style: 'practical, one habit at a time' } },
  ],
  business: [
    { name: 'stress', emotions: [...DISTRESS], intensity: 0.3, style: { tone: 'steady and professional', empathy_level: 'medium', modifiers: ['separate what is urgent from what is important'], response_style: 'a short list, most valuable first' } },
    { name: 'success', emotions: [...DELIGHT], intensity: 0.2, style: { tone: 'confident and friendly', empathy_level: 'low', modifiers: ['build on what worked'], response_style: 'next steps with figures' } },
  ],
  education: [
    { name: 'struggle', emotions: [...DISTRESS, 'surprise'], intensity: 0.25, style: { tone: 'patient and kind', empathy_level: 'high', modifiers: ['say that difficulty here is common', 'one idea at a time'], response_style: 'small steps with an example, then a question back' } },
    { name: 'breakthrough', emotions: [...DELIGHT], intensity: 0.25, style: { tone: 'enthusiastic', empathy_level: 'medium', modifiers: ['name what was understood'], response_style: 'a slightly harder next challenge' } },
  ],
  creative: [
    { name: 'inspiration', emotions: [...DELIGHT, 'surprise'], intensity: 0.25, style: { tone: 'playful and vivid', empathy_level: 'medium', modifiers: ['follow the idea of the user'], response_style: 'several options, bold ones too' } },
    { name: 'block', emotions: [...DISTRESS], intensity: 0.25, style: { tone: 'light and encouraging', empathy_level: 'high', modifiers: ['lower the stakes'], response_style: 'one tiny exercise to begin with' } },
  ],
  leadership: [
    { name: 'conflict', emotions: [...DISTRESS], intensity: 0.25, style: { tone: 'balanced and respectful', empathy_level: 'high', modifiers: ['keep both sides in view', 'separate behaviour from person'], response_style: 'wording for the next conversation' } },
    { name: 'motivation', emotions: [...DELIGHT], intensity: 0.2, style: { tone: 'inspiring but concrete', empathy_level: 'medium', modifiers: ['credit the team'], response_style: 'one goal and who does what' } },
  ],
  technology: [
    { name: 'frustration', emotions: ['anger', 'disgust', 'sadness', 'fear'], intensity: 0.25, style: { tone: 'calm and competent', empathy_level: 'medium', modifiers: ['one sentence of understanding, no apology for the machine'], response_style: 'the likeliest fix first, commands exact' } },
    { name: 'curiosity', emotions: [...DELIGHT, 'surprise'], intensity: 0.2, style: { tone: 'lively and precise', empathy_level: 'low', modifiers: ['show how it works inside'], response_style: 'explanation with a small example' } },
  ],
};

/** All of them by name: an emotion, `neutral`, or `domain.scenario`. */
export const SHIPPED_TEMPLATES: Readonly<Record<string, ResponseTemplate>> = {
  ...EMOTION_STYLES,
  ...Object.fromEntries(Object.entries(SCENARIOS).flatMap(([domain, scenarios]) => scenarios.map(({ name, style }) => [`${domain}.${name}`, style]))),
};
