/** The emotion engine reads plain lines right, and tells a crisis from a bad day. */
import type { EmotionName } from 'tara-gguf/plugin';
import type { Check } from './types.js';

/** One line for each emotion that nobody would read otherwise. */
const LINES: readonly (readonly [EmotionName, string])[] = [
  ['joy', 'I am so happy, this is the best day of my life!'],
  ['trust', 'I trust you completely, you have always been honest and supportive.'],
  ['fear', 'I am terrified, I am scared of what might happen tonight.'],
  ['surprise', 'Wow, I did not expect that at all, what a surprise!'],
  ['sadness', 'I am so sad and lonely since she died, I cannot stop crying.'],
  ['disgust', 'That is disgusting, it makes me sick.'],
  ['anger', 'I am furious, this makes me so angry!'],
  ['anticipation', 'I am looking forward to it and cannot wait for tomorrow.'],
];
const CRISIS = 'I want to kill myself tonight.';
const NO_CRISIS = 'My meeting was moved to Thursday.';

export const emotion: Check = {
  item: 'emotion-calibrated',
  title: 'Emotional intelligence calibrated',
  async run({ emotion: engine, config }) {
    if (engine === undefined) return { ok: false, finding: 'no plugin provides an emotion engine', evidence: {} };
    const read = await Promise.all(LINES.map(async ([expected, text]) => {
      const { labels, dominant } = await engine.analyze(text);
      return { expected, dominant, right: labels.includes(expected) };
    }));
    const [crisis, none] = await Promise.all([engine.analyze(CRISIS), engine.analyze(NO_CRISIS)]);
    const accuracy = read.filter(({ right }) => right).length / read.length;
    const least = config.checklist.minEmotionAccuracy;
    const crisisTold = crisis.crisis.level === 'acute' && none.crisis.level === 'none';
    return {
      ok: accuracy >= least && crisisTold,
      finding: `${read.filter(({ right }) => right).length} of ${read.length} lines read right (at least ${Math.ceil(least * read.length)} wanted); ${crisisTold ? 'a crisis is told from none' : 'a crisis is not told from none'}`,
      evidence: { accuracy, lines: read, crisis: crisis.crisis.level, noCrisis: none.crisis.level },
    };
  },
};
