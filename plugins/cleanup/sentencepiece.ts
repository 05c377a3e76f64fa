/** Reads the pieces of a SentencePiece model (tokenizer.model, a protocol buffer), with every length checked. */
import { protoFields } from 'tara-gguf';

export interface Piece {
  readonly text: string;
  /** 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
  readonly type: number;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The pieces, by id. Throws a RangeError or TypeError with the reason where the bytes are no model. */
export function readPieces(bytes: Uint8Array): Piece[] {
  const pieces: Piece[] = [];
  for (const field of protoFields(bytes)) {
    if (field.number !== 1) continue;
    let [text, type] = ['', 1];
    for (const part of protoFields(field.bytes)) {
      if (part.number === 1) text = utf8.decode(part.bytes);
      else if (part.number === 3) type = part.value;
    }
    pieces.push({ text, type });
  }
  if (pieces.length === 0) throw new RangeError('it holds no pieces');
  if (!pieces.some((piece) => piece.type === 2)) throw new RangeError('it has no piece for unknown text');
  return pieces;
}
