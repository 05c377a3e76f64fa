/** The domain table: domains as data made ready to be matched. The last one stands for no domain. */

import { createHash } from 'node:crypto';
import type { DomainCandidate, EmotionName } from 'tara-gguf/plugin';
import { DOMAINS, none, type DomainData, type Tier } from '../domains/index.js';
import { wordsOf } from '../text/words.js';
import { buildKeywords, parseTier, type Keyword, type KeywordIndex } from './keywords.js';
import { buildExamples, type ExampleIndex } from './similarity.js';

const TIERS: Readonly<Record<Tier, number>> = { strong: 1, medium: 0.5, weak: 0.2 };
/** Weight of a candidate's keyword, which names none. */
const CANDIDATE_KEYWORD = 0.9;
/** Weight of the words of a name or description. */
const NAME_WORD = 0.6;
/** From this weight of an added domain's keywords on, a text of `none` is about that domain. */
const CLAIM = 0.5;

/** A domain as it was given. */
export interface DomainSource {
  readonly name: string;
  readonly description: string;
  readonly keywords: readonly Keyword[];
  readonly examples: readonly string[];
  readonly character: Readonly<Partial<Record<EmotionName, number>>>;
  /** Its own least content score, 0..1. */
  readonly threshold?: number;
  /** Absent of a domain that somebody added, to which `none` gives way. */
  readonly shipped?: true;
}

export interface Table {
  /** The last one is `none`. */
  readonly domains: readonly DomainSource[];
  readonly index: ReadonlyMap<string, number>;
  readonly keywords: KeywordIndex;
  readonly examples: ExampleIndex;
  /** All utterances, domain after domain. */
  readonly utterances: readonly string[];
  /** Domain of each utterance. */
  readonly owners: Int32Array;
  /** Domains without examples. */
  readonly bare: readonly number[];
  /** Of everything in it. */
  readonly version: string;
}

const fromData = ({ name, description, keywords, examples, character }: DomainData): DomainSource => ({
  name, description, examples, character, shipped: true,
  keywords: (Object.keys(TIERS) as Tier[]).flatMap((tier) => parseTier(keywords[tier], TIERS[tier])),
});

const NONE = fromData(none);

/** The shipped domains by name, without `none`. */
export const shippedDomains = (): Map<string, DomainSource> => new Map(DOMAINS.map((data) => [data.name, fromData(data)]));

/** A candidate's own keywords and examples, else the known ones for its name, else the words of its name and description. */
export function sourceOf({ name, description, keywords, examples }: DomainCandidate, known: DomainSource | undefined): DomainSource {
  return {
    name,
    description: description ?? known?.description ?? '',
    keywords: keywords?.map((term) => ({ term, weight: CANDIDATE_KEYWORD })) ?? known?.keywords ?? [],
    examples: examples ?? known?.examples ?? [],
    character: known?.character ?? {},
    ...(known?.threshold !== undefined && { threshold: known.threshold }),
    ...(known?.shipped && keywords === undefined && examples === undefined && { shipped: true }),
  };
}

const nameWords = ({ name, description }: DomainSource): Keyword[] =>
  wordsOf(`${name} ${description}`).filter((word) => word.length > 3).map((term) => ({ term, weight: NAME_WORD }));

/** What a domain is embedded by: its examples, or what it says of itself. */
const utterancesOf = ({ name, description, examples }: DomainSource): readonly string[] =>
  examples.length > 0 ? examples : [`${name} ${description}`.trim()];

/** `none` without what an added domain claims: its keywords, and utterances that are about it. */
function givenWay(added: readonly DomainSource[]): DomainSource {
  if (added.length === 0) return NONE;
  const claims = buildKeywords(added.map((source) => [...nameWords(source), ...source.keywords]));
  const claimed = (text: string) => claims.match(wordsOf(text)).sums.some((sum) => sum >= CLAIM);
  return { ...NONE, keywords: NONE.keywords.filter(({ term }) => !claimed(term.replace('*', ''))), examples: NONE.examples.filter((text) => !claimed(text)) };
}

export function createTable(sources: readonly DomainSource[]): Table {
  const none = givenWay(sources.filter(({ shipped }) => !shipped));
  const domains = [...sources, none];
  const utterances = domains.map(utterancesOf);
  const owners = Int32Array.from(utterances.flatMap((own, domain) => own.map(() => domain)));
  return {
    domains,
    index: new Map(sources.map(({ name }, i) => [name, i])),
    keywords: buildKeywords(domains.map((source) => (source === none ? source.keywords : [...nameWords(source), ...source.keywords]))),
    examples: buildExamples(utterances.flat().map(wordsOf), owners, domains.length),
    utterances: utterances.flat(),
    owners,
    bare: domains.flatMap(({ examples }, domain) => (examples.length === 0 ? [domain] : [])),
    version: createHash('sha256').update(JSON.stringify(domains)).digest('hex').slice(0, 16),
  };
}
