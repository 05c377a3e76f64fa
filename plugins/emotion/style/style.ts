/** From an analysis to the style of the reply. The user's words never enter the instructions. */

import type { EmotionAnalysis, ReplyStyle, ResponseTemplate } from 'tara-gguf/plugin';
import type { EmotionConfig } from '../config.js';
import { concernNote, crisisText } from '../crisis/answer.js';
import { SCENARIOS, SHIPPED_TEMPLATES } from './templates.js';

export type TemplateTable = Readonly<Record<string, ResponseTemplate>>;

/** Whether a template's own conditions hold. */
const holds = ({ when }: ResponseTemplate, domain: string, { dominant, intensity }: EmotionAnalysis): boolean =>
  when !== undefined && (when.domains?.includes(domain) ?? true) && (when.emotions?.includes(dominant) ?? true) && intensity >= (when.intensity ?? 0);

/** The name that fits: of the last template whose conditions hold, else of the domain's first scenario that does, else of the emotion. */
export function pickTemplate(domain: string, analysis: EmotionAnalysis, table: TemplateTable): string {
  const { dominant, intensity } = analysis;
  const own = Object.entries(table).findLast(([, template]) => holds(template, domain, analysis));
  if (own !== undefined) return own[0];
  const scenarios = Object.hasOwn(SCENARIOS, domain) ? (SCENARIOS[domain] ?? []) : [];
  const scenario = dominant === 'neutral' ? undefined : scenarios.find((candidate) => candidate.emotions.includes(dominant) && intensity >= candidate.intensity);
  return scenario === undefined ? dominant : `${domain}.${scenario.name}`;
}

const describe = ({ tone, empathy_level, modifiers, response_style }: ResponseTemplate): string =>
  [`Tone: ${tone}.`, `Empathy: ${empathy_level}.`, `Style: ${response_style}.`, ...modifiers.map((modifier) => `Please ${modifier}.`)].join(' ');

const CARE = 'The message may come from someone in distress: be kind, stay with them, encourage help from people and professionals, give no diagnosis and no methods.';

/** Neutral messages get no instructions, unless somebody replaced the template for `neutral` or one of their own holds. */
export function styleOf(domain: string, analysis: EmotionAnalysis, table: TemplateTable, config: EmotionConfig): ReplyStyle {
  const { crisis, dominant } = analysis;
  const name = pickTemplate(domain, analysis, table);
  const template = table[name];
  const quiet = name === 'neutral' && template === SHIPPED_TEMPLATES.neutral && crisis.level === 'none';
  const feeling = dominant === 'neutral' ? [] : [`The message reads as ${dominant}.`];
  const care = crisis.level === 'none' ? [] : [CARE];
  return {
    instructions: quiet ? '' : [...feeling, ...(template === undefined ? [] : [describe(template)]), ...care].join(' '),
    ...(crisis.level === 'acute' ? { before: crisisText(crisis, config.crisis) } : {}),
    ...(crisis.level === 'concern' && config.crisis.concernNote ? { after: concernNote(config.crisis) } : {}),
  };
}

/** The reply with sentences around it, as a reader gets it; nothing inside it changes. */
export const around = (reply: string, { before, after }: Pick<ReplyStyle, 'before' | 'after'>): string =>
  [before, reply, after].filter((part) => part !== undefined && part !== '').join('\n\n');
