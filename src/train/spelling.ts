/** How a student that tokens were taken out of reads what its teacher says: each of the teacher's tokens in pieces that the student has. */
import { vocabularyOf, TOKENS } from '../convert/prune/vocabulary.js';
import { TaraError } from '../errors.js';
import { isGgufArray, metadataOf, type GgufFile } from '../formats/index.js';

export interface Spelling {
  /** The teacher's id of each of the student's tokens. */
  readonly teacherIds: Int32Array;
  /** Of each of the teacher's tokens the pieces, as ids of the student, lie from starts[id] on until starts[id + 1]; a token that no text becomes has none. */
  readonly starts: Int32Array;
  readonly pieces: Int32Array;
}

const tokensOf = (file: GgufFile): { readonly bytes: Uint8Array; readonly texts: () => string[] } => {
  const tokens = metadataOf(file).get(TOKENS);
  return isGgufArray(tokens) ? { bytes: tokens.bytes, texts: () => tokens.items().map(String) } : { bytes: new Uint8Array(0), texts: () => [] };
};

/** Null where both have the same vocabulary. Throws TARA_REFERENCE_MISMATCH unless the student's tokens are some of the teacher's, in their order, among them what every other is merged from. */
export function spellingOf(student: GgufFile, teacher: GgufFile): Spelling | null {
  const [own, theirs] = [tokensOf(student), tokensOf(teacher)];
  if (Buffer.compare(own.bytes, theirs.bytes) === 0) return null;
  const refuse = (reason: string): TaraError => new TaraError('TARA_REFERENCE_MISMATCH', { path: student.path, reason });
  const kinds = [student, teacher].map((file) => ['model', 'pre'].map((key) => metadataOf(file).string(`tokenizer.ggml.${key}`)).join());
  if (kinds[0] !== kinds[1]) throw refuse('it has another tokenizer');
  const [kept, all] = [own.texts(), theirs.texts()];
  // A pruned vocabulary keeps the order, so that one walk finds every token's old place.
  const teacherIds = new Int32Array(kept.length);
  let id = 0;
  for (const [at, text] of kept.entries()) {
    while (id < all.length && all[id] !== text) id += 1;
    if (id === all.length) throw refuse('it has another vocabulary, and not one that tokens of the reference\'s were taken out of');
    teacherIds[at] = id++;
  }
  const places = new Map(Array.from(teacherIds, (place, at) => [place, at]));
  const { parts } = vocabularyOf(teacher);
  const spelled = new Map<number, readonly number[]>();
  const piecesOf = (token: number): readonly number[] => {
    const place = places.get(token);
    if (place !== undefined) return [place];
    let made = spelled.get(token);
    if (made === undefined) spelled.set(token, made = (parts[token] ?? []).flatMap(piecesOf));
    return made;
  };
  const starts = new Int32Array(all.length + 1);
  const pieces: number[] = [];
  for (let token = 0; token < all.length; token += 1) {
    for (const piece of piecesOf(token)) pieces.push(piece);
    starts[token + 1] = pieces.length;
  }
  return { teacherIds, starts, pieces: Int32Array.from(pieces) };
}

/** The student's tokens as the teacher numbers them. */
export const asTeacher = ({ teacherIds }: Spelling, tokens: Int32Array): Int32Array => tokens.map((token) => teacherIds[token] ?? 0);
