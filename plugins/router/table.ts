/** The domain table: shipped domains, those of the configuration, and candidates of a call, ready to be matched. */

import type { DomainCandidate, EmotionName } from 'tara-gguf/plugin';
import type { RouterConfig } from './config.js';
import { DOMAINS, none, type DomainData, type Tier } from './domains/index.js';
import { buildKeywords, parseTier, type Keyword, type KeywordIndex } from './keywords.js';
import { buildExamples, buildIdf, type ExampleIndex, type Idf } from './similarity.js';
import { wordsOf } from './words.js';

const TIERS: Readonly<Record<Tier, number>> = { strong: 1, medium: 0.5, weak: 0.2 };
/** Weight of a candidate's keyword, which names none. */
const CANDIDATE_KEYWORD = 0.9;
/** Weight of the words of a name or description. */
const NAME_WORD = 0.6;
const PROFILES = 256;

export interface Profile {
  readonly name: string;
  readonly keywords: KeywordIndex;
  readonly examples: ExampleIndex;
  readonly utterances: readonly string[];
  readonly character: Readonly<Partial<Record<EmotionName, number>>>;
}

interface Source {
  readonly name: string;
  readonly description: string;
  readonly keywords: readonly Keyword[];
  readonly examples: readonly string[];
  readonly character: Readonly<Partial<Record<EmotionName, number>>>;
}

const fromData = ({ name, description, keywords, examples, character }: DomainData): Source => ({
  name, description, examples, character,
  keywords: (Object.keys(TIERS) as Tier[]).flatMap((tier) => parseTier(keywords[tier], TIERS[tier])),
});

export interface Table {
  /** Names of the table's own domains. */
  readonly names: readonly string[];
  /** What stands for no domain. */
  readonly none: Profile;
  readonly idf: Idf;
  /** A candidate's own keywords and examples, else the table's for its name, else the words of its name and description. */
  profile(candidate: DomainCandidate): Profile;
}

export function createTable(config: RouterConfig): Table {
  const sources = new Map<string, Source>(DOMAINS.map((data) => [data.name, fromData(data)]));
  for (const [name, { description = '', keywords, examples, character }] of Object.entries(config.domains)) {
    sources.set(name, { name, description, examples, character, keywords: Object.entries(keywords).map(([term, weight]) => ({ term, weight })) });
  }
  const idf = buildIdf([...sources.values(), none].flatMap(({ examples }) => examples.map(wordsOf)));
  const build = (source: Source): Profile => ({
    name: source.name,
    keywords: buildKeywords([...wordsOf(`${source.name} ${source.description}`).filter((word) => word.length > 3).map((term) => ({ term, weight: NAME_WORD })), ...source.keywords]),
    examples: buildExamples(source.examples.map(wordsOf), idf),
    utterances: source.examples,
    character: source.character,
  });
  const profiles = new Map<string, Profile>();
  const noneSource = fromData(none);
  return {
    names: [...sources.keys()],
    none: { ...build(noneSource), keywords: buildKeywords(noneSource.keywords) },
    idf,
    profile(candidate) {
      const { name, description, keywords, examples } = candidate;
      const key = JSON.stringify([name, description, keywords, examples]);
      const known = profiles.get(key);
      if (known !== undefined) return known;
      const own = sources.get(name);
      const made = build({
        name,
        description: description ?? own?.description ?? '',
        keywords: keywords?.map((term) => ({ term, weight: CANDIDATE_KEYWORD })) ?? own?.keywords ?? [],
        examples: examples ?? own?.examples ?? [],
        character: own?.character ?? {},
      });
      // The oldest goes first; a table of more domains than this is matched uncached.
      if (profiles.size >= PROFILES) profiles.delete(profiles.keys().next().value ?? '');
      profiles.set(key, made);
      return made;
    },
  };
}
