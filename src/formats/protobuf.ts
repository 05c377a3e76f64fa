/** Reads the wire format of protocol buffers: enough for sentencepiece's ModelProto, with every length checked. */

/** One field of a message: a varint or fixed value in `value` (little-endian unsigned), a length-delimited one in `bytes`. */
export interface ProtoField {
  readonly number: number;
  readonly wire: 0 | 1 | 2 | 5;
  readonly value: number;
  readonly bytes: Uint8Array;
}

const EMPTY = new Uint8Array(0);

/** The fields of a message in order. Throws a RangeError when the bytes are no message. */
export function* protoFields(message: Uint8Array): Generator<ProtoField> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw new RangeError('it ends inside a number');
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw new RangeError('a number has more than 10 bytes');
  };
  const take = (length: number): Uint8Array => {
    if (length > message.length - at) throw new RangeError(`a field of ${length} bytes reaches past the end`);
    at += length;
    return message.subarray(at - length, at);
  };
  while (at < message.length) {
    const tag = varint();
    const wire = tag % 8;
    const number = Math.floor(tag / 8);
    if (number === 0) throw new RangeError('a field has number 0');
    if (wire === 0) yield { number, wire, value: varint(), bytes: EMPTY };
    else if (wire === 1 || wire === 5) {
      const bytes = take(wire === 1 ? 8 : 4);
      yield { number, wire, value: bytes.reduceRight((sum, byte) => sum * 256 + byte, 0), bytes };
    } else if (wire === 2) yield { number, wire, value: 0, bytes: take(varint()) };
    else throw new RangeError(`unknown wire type ${wire}`);
  }
}

/** The float32 of a 4-byte field. */
export const protoFloat = (field: ProtoField): number => {
  if (field.wire !== 5) throw new RangeError('a float does not have 4 bytes');
  return new DataView(field.bytes.buffer, field.bytes.byteOffset, 4).getFloat32(0, true);
};
