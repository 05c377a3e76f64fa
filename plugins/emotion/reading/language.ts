/** Whether a text is likely English, the only language the model was trained on. */

const ENGLISH = new Set(
  ("a an the and or but if of to in on at by for with from about as is are was were be been am do does did have has had will would can could should may might must not no yes i you he she it we they me him her us them my your his its our their this that these those what which who when where why how all any some so too very just than then there here up out get got go going please thanks hello oh hey im dont cant its i'm don't can't it's that's i've i'll you're he's she's let's what's didn't isn't").split(' '),
);
const FOREIGN = new Set(
  ("der die das und ist nicht ich du wir ihr ein eine mit auf für den dem sehr aber auch le la les des est et je tu nous vous une dans pas que qui pour avec sur très mais el los las es y yo una por con para muy pero como está il lo gli che non sono è di del della un o os não eu você com uma em het een niet ik jij wij och jag inte är det att på som ja nie jest się na to że w z").split(' '),
);
const WORD = /[\p{L}\p{M}]+(?:'[\p{L}\p{M}]+)*/gu;
/** Longer texts are judged by their beginning. */
const WORDS = 200;

/** False when the text has letters and is probably not English: mostly another script, or words of other languages and none of English. */
export function looksEnglish(text: string): boolean {
  const words = (text.slice(0, 4000).toLowerCase().match(WORD) ?? []).slice(0, WORDS);
  if (words.length === 0) return true;
  const latin = words.filter((word) => /^[\p{Script=Latin}\p{M}']+$/u.test(word));
  if (latin.length * 2 < words.length) return false;
  const english = words.filter((word) => ENGLISH.has(word)).length;
  const foreign = words.filter((word) => FOREIGN.has(word) && !ENGLISH.has(word)).length;
  return foreign < 2 || foreign <= english;
}
