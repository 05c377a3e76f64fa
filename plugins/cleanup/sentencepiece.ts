/** Reads the pieces of a SentencePiece model (tokenizer.model, a protocol buffer), with every length checked. */

export interface Piece {
  readonly text: string;
  /** 1 normal, 2 unknown, 3 control, 4 user-defined, 5 unused, 6 byte. */
  readonly type: number;
}

interface Field {
  readonly number: number;
  readonly value: number;
  readonly bytes: Uint8Array;
}

const NOTHING = new Uint8Array(0);
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The fields of a message. Throws a RangeError where the bytes are none. */
function* fields(message: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw new RangeError('it ends inside a number');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number is too long');
  };
  const take = (length: number): Uint8Array => {
    if (length > message.length - at) throw new RangeError('a field reaches past the end');
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = varint();
    const [number, wire] = [Math.floor(tag / 8), tag % 8];
    if (number === 0) throw new RangeError('a field has number 0');
    if (wire === 0) yield { number, value: varint(), bytes: NOTHING };
    else if (wire === 1) yield { number, value: 0, bytes: take(8) };
    else if (wire === 2) yield { number, value: 0, bytes: take(varint()) };
    else if (wire === 5) yield { number, value: 0, bytes: take(4) };
    else throw new RangeError(`wire type ${wire} is unknown`);
  }
}

/** The pieces, by id. Throws a RangeError or TypeError with the reason where the bytes are no model. */
export function readPieces(bytes: Uint8Array): Piece[] {
  const pieces: Piece[] = [];
  for (const field of fields(bytes)) {
    if (field.number !== 1) continue;
    let [text, type] = ['', 1];
    for (const part of fields(field.bytes)) {
      if (part.number === 1) text = utf8.decode(part.bytes);
      else if (part.number === 3) type = part.value;
    }
    pieces.push({ text, type });
  }
  if (pieces.length === 0) throw new RangeError('it holds no pieces');
  if (!pieces.some((piece) => piece.type === 2)) throw new RangeError('it has no piece for unknown text');
  return pieces;
}
