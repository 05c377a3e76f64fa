/** From an analysis to the style of the reply. The user's words never enter the instructions. */

import type { EmotionAnalysis, ReplyStyle } from 'tara-gguf/plugin';
import type { EmotionConfig, StyleTemplate } from './config.js';
import { concernNote, crisisText } from './crisis-text.js';
import { EMOTION_STYLES, SCENARIOS } from './templates.js';

/** The name and template that fit: a configured or shipped scenario of the domain, else the emotion's own. */
export function pickTemplate(domain: string, analysis: EmotionAnalysis, config: EmotionConfig): { readonly name: string; readonly template: StyleTemplate } {
  const { dominant, intensity } = analysis;
  const scenarios = Object.hasOwn(SCENARIOS, domain) ? (SCENARIOS[domain] ?? []) : [];
  const scenario = dominant === 'neutral' ? undefined : scenarios.find((candidate) => candidate.emotions.includes(dominant) && intensity >= candidate.intensity);
  if (scenario !== undefined) {
    const name = `${domain}.${scenario.name}`;
    return { name, template: config.templates[name] ?? scenario.style };
  }
  return { name: dominant, template: config.templates[dominant] ?? EMOTION_STYLES[dominant] };
}

const describe = ({ tone, empathy_level, modifiers, response_style }: StyleTemplate): string =>
  [`Tone: ${tone}.`, `Empathy: ${empathy_level}.`, `Style: ${response_style}.`, ...modifiers.map((modifier) => `Please ${modifier}.`)].join(' ');

/** Neutral messages get no instructions, unless a template for `neutral` is configured. */
export function styleOf(domain: string, analysis: EmotionAnalysis, config: EmotionConfig): ReplyStyle {
  const { name, template } = pickTemplate(domain, analysis, config);
  const quiet = analysis.dominant === 'neutral' && config.templates.neutral === undefined && analysis.crisis.level === 'none';
  const care = analysis.crisis.level === 'none' ? [] : ['The message may come from someone in distress: be kind, stay with them, encourage help from people and professionals, give no diagnosis and no methods.'];
  const feeling = name === 'neutral' ? [] : [`The message reads as ${analysis.dominant}.`];
  return {
    instructions: quiet ? '' : [...feeling, describe(template), ...care].join(' '),
    ...(analysis.crisis.level === 'acute' ? { before: crisisText(analysis.crisis, config.crisis) } : {}),
    ...(analysis.crisis.level === 'concern' && config.crisis.concernNote ? { after: concernNote(config.crisis) } : {}),
  };
}
