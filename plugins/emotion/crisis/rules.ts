/**
 * Rules of the crisis detector: patterns over text in the spelling of `spell` (lower case, no apostrophes, one
 * space). Recall first: a rule that may be wrong stays. Gaps are bounded, so every pattern takes linear time.
 * English only; no methods are spelled out. These rules help to notice distress; they diagnose nothing.
 */

import type { Crisis } from 'tara-gguf/plugin';

export type CrisisKind = 'self-harm' | 'medical' | 'violence';

export interface CrisisRule {
  /** `kind:what`; reported instead of any text. */
  readonly name: `${CrisisKind}:${string}`;
  readonly level: 'concern' | 'acute';
  readonly pattern: RegExp;
  /** Said in the first person, so that a learner's or technical context does not silence it. */
  readonly firm?: boolean;
}

/** Anything up to n characters within a sentence. */
const gap = (n: number) => `[^.!?]{0,${n}}`;
const one = (...parts: string[]) => `(?:${parts.join('|')})`;
const ADVERB = '(?:(?:just|really|only|still|do|dont|honestly|kinda|sometimes|so|truly|even|all|often|now|always|actually|seriously) ){0,3}';
const PERSON = one('he', 'she', 'they', 'my \\w+', 'someone', 'a friend', 'grand\\w+', 'mum', 'mom', 'mam', 'dad', 'granny', 'nan', 'the baby', 'baby');
const INTIMATE = one('husband', 'wife', 'boyfriend', 'girlfriend', 'partner', 'ex', 'dad', 'father', 'mum', 'mom', 'mother', 'stepdad', 'stepfather', 'stepmother', 'brother', 'sister', 'son', 'uncle', 'roommate', 'carer', 'he', 'she');
const SELF = one('myself', 'my ?self', 'himself', 'herself', 'themselves', 'themself', 'ourselves');
const WILL = one('going to', 'gonna', 'about to', 'planning to', 'ready to', 'want to', 'wanna', 'will', 'ill', 'need to', 'have to', 'decided to', 'trying to', 'try to', 'tried to', 'threatening to', 'threatens to', 'threatened to', 'thinking of', 'thinking about', 'plan to', 'might', 'intend to');
const KILL = one('kill(?:ing)?', 'hang(?:ing)?', 'shoot(?:ing)?', 'drown(?:ing)?', 'poison(?:ing)?');
const WORST = one('die', 'be dead', 'stop existing', 'not exist', 'not be alive', 'not wake up', 'never wake up', 'disappear forever', 'kms', 'end it all', 'end my life', 'end everything', 'not live', 'cease to exist');

const rule = (name: CrisisRule['name'], level: CrisisRule['level'], pattern: string, firm = false): CrisisRule => ({ name, level, pattern: new RegExp(pattern), firm });

export const RULES: readonly CrisisRule[] = [
  // self-harm, acute: a wish, however passive
  rule('self-harm:wish', 'acute', `\\bi ${ADVERB}(?:want|wanna|wanted|wish|need|would like|would love|am ready|plan|long|hope|have)(?: to| i could| i would| i were| i was)? ${ADVERB}${WORST}\\b`, true),
  rule('self-harm:wish', 'acute', `\\b(?:i|id|im) ${ADVERB}(?:rather|better off|ready to|going to|gonna|about to) ${one('die', 'be dead', 'not exist', 'end it all', 'dead', 'not be here', 'not be alive')}\\b(?! laughing)`, true),
  rule('self-harm:wish', 'acute', `\\b(?:dont|do not|didnt|doesnt|no longer|not|never) ${ADVERB}(?:want|wanna|wish|deserve|care|wanting)(?: to)? ${ADVERB}${one('be alive', 'live', 'exist', 'wake up', 'be here any ?more', 'be around any ?more', 'go on living', 'keep living', 'keep on living', 'be in this world', 'survive')}\\b(?! (?:in|with|at|near|on|there|alone|early|by|next) )`, true),
  rule('self-harm:wish', 'acute', `\\b(?:wish|better|easier|happier|if)${gap(25)}\\b(?:i|id|i had|he|she) (?:was |were |had |d )?(?:never been born|never existed|wasnt born|werent born|wasnt here any ?more|werent here any ?more|were dead|was dead|didnt exist|wasnt alive|werent alive|didnt wake up)`, true),
  rule('self-harm:wish', 'acute', `\\b(?:rather|prefer to|wishes? to|wants? to|wanting to) (?:die|be dead|not exist|not live|not be alive|not wake up)\\b(?! than (?:eat|go|do|listen|watch|drink|work|wear|see|sit))`, true),
  rule('self-harm:wish', 'acute', `\\bi (?:wish|hope)${gap(15)}\\b(?:i )?(?:would|could|to)? ?(?:just )?(?:never wake up|not wake up|dont wake up|fall asleep forever|sleep forever|be gone forever)`, true),
  rule('self-harm:wish', 'acute', `\\b(?:im|i am|been|feel|feeling|was|hes|shes|is) ${ADVERB}suicidal\\b`, true),
  rule('self-harm:wish', 'acute', `\\b(?:everyone|everybody|people|they|world|family|kids|theyd|theyll)${gap(20)}\\bbetter off (?:without me|once im|when im|if i|with me dead)`, true),
  rule('self-harm:wish', 'acute', `\\b(?:life|living|it) (?:isnt|is not|is no longer|s not|not) worth (?:living|it any ?more)\\b`, true),
  rule('self-harm:wish', 'acute', `\\b(?:kms|unalive (?:myself|me)|ctb)\\b`, true),
  // self-harm, acute: intent and preparation
  rule('self-harm:intent', 'acute', `\\b${KILL} ${SELF}\\b`, true),
  rule('self-harm:intent', 'acute', `\\b${WILL} ${ADVERB}(?:hurt|harm|cut|injure|hurting|harming|cutting) ${SELF}\\b`, true),
  rule('self-harm:intent', 'acute', `\\b(?:end|ending|take|taking|took|ended) (?:my|his|her|their) (?:own )?(?:life|lives)\\b`, true),
  rule('self-harm:intent', 'acute', `\\b(?:commit(?:ting|ted)?|attempt(?:ing|ed)?|planning|considering|contemplating) suicide\\b`),
  rule('self-harm:intent', 'acute', `\\b(?:end|ending) (?:it|everything|things)(?: all)? (?:tonight|today|now|tomorrow|soon|this week|for good)\\b`, true),
  rule('self-harm:intent', 'acute', `\\b(?:by|after) (?:tomorrow|tonight|today|this weekend)\\b${gap(20)}\\b(?:over|gone|anything|wont be here|be dead)\\b`, true),
  rule('self-harm:intent', 'acute', `\\b(?:wont|not going to|not gonna) (?:be (?:here|around|alive)|wake up)(?: any ?more)? (?:tomorrow|much longer|after|by|next)`, true),
  rule('self-harm:intent', 'acute', `\\bi want (?:it|everything|this|the pain)(?: all)? to (?:end|stop|be over)\\b`, true),
  rule('self-harm:intent', 'acute', `\\b(?:im|i am|hes|shes|theyre|he is|she is|they are) (?:just )?(?:about to|going to|gonna) (?:do it|jump|end it|end things|make sure i dont)\\b`, true),
  rule('self-harm:intent', 'acute', `\\b(?:im|i am) doing it (?:tonight|today|now|after|when|tomorrow|this)`, true),
  rule('self-harm:intent', 'acute', `\\b(?:dont|do not|cant|nobody can|no one can|cannot) (?:try to |even try to )?(?:talk me out|stop me(?! from (?:eating|winning)))`, true),
  rule('self-harm:intent', 'acute', `\\b(?:wrote|written|writing|left|leaving|found)${gap(20)}\\b(?:goodbye|suicide|farewell|good bye) (?:letter|note|message|video)s?`),
  rule('self-harm:intent', 'acute', `\\b(?:this is|its) (?:my (?:last|final) (?:message|post|goodbye|night|day|note)|goodbye)\\b(?! (?:at|on|in|of|with|before)\\b)`, true),
  rule('self-harm:intent', 'acute', `\\bi (?:have|ve got|got|made) a plan and\\b`, true),
  rule('self-harm:intent', 'acute', `\\bi(?:ve| have)? (?:gave|given|giving|gave away|been giving)${gap(20)}\\b(?:away|dog|cat|things|belongings)\\b${gap(60)}.{0,40}\\b(?:after today|after tonight|wont need|no longer need)`, true),
  rule('self-harm:intent', 'acute', `\\b(?:tried|attempted)\\b${gap(20)}\\b(?:last night|yesterday|before|last week|this morning)\\b.{0,60}\\b(?:try|do it) again\\b`, true),
  rule('self-harm:intent', 'acute', `\\b(?:cant|cannot|dont trust myself to|not able to|unable to|dont know if i can|dont think i can) (?:keep|stay|keeping) (?:myself )?safe\\b`, true),
  rule('self-harm:intent', 'acute', `\\bdont trust myself\\b${gap(40)}\\b(?:tonight|alone|walk away|right now|here|safe|anymore|near)`, true),
  rule('self-harm:intent', 'acute', `\\b(?:nobody|no one|noone) (?:will|would|is going to|gonna|ll) (?:even )?(?:miss me|care (?:when|if|once) im (?:gone|dead))`, true),
  rule('self-harm:intent', 'acute', `\\bvoices?\\b${gap(30)}\\b(?:die|kill|jump|hurt|dead)\\b`, true),
  rule('self-harm:intent', 'acute', `\\b(?:finally )?(?:fix|end|finish) (?:that|it|this) (?:tonight|for good|once and for all)|\\btonight im (?:finally )?going to (?:fix|end|finish)`, true),
  rule('self-harm:intent', 'acute', `\\b${PERSON}\\b${gap(60)}\\b(?:said goodbye|texted me goodbye|saying goodbye|cant live with (?:it|himself|herself|this)|wants? to die|going to kill ${SELF}|going to jump|on the (?:ledge|roof|bridge|tracks))`),
  rule('self-harm:intent', 'acute', `\\b(?:standing|im|i am|sitting) (?:up )?on (?:the|a) (?:bridge|ledge|rooftop|train tracks|tracks|roof edge)`, true),
  // medical emergency now
  rule('medical:overdose', 'acute', `\\b(?:i|she|he|they|my \\w+|daughter|son|baby|kid|child|toddler)\\b${gap(25)}\\b(?:overdosed|took an overdose|taken an overdose|od ?d)\\b(?! on (?:requests|sugar|coffee|caffeine|chocolate|netflix|cute))`, true),
  rule('medical:overdose', 'acute', `\\b(?:swallowed|swallowing|took|taken|ate|drank|drunk|ingested)\\b${gap(25)}\\b(?:pills|tablets|bleach|poison|batter(?:y|ies)|antifreeze|whole bottle|too many|painkillers|sleeping pills|cleaner|detergent|magnets?)\\b`, true),
  rule('medical:overdose', 'acute', `\\bi (?:already|just|ve already|have already|ve just) took something\\b|\\balready took (?:something|them|it all)\\b`, true),
  rule('medical:breathing', 'acute', `\\b(?:isnt|not|stopped|stops|wont|is not|arent|cant|cannot|can not|couldnt|can barely|barely|hardly|struggling to|trouble|difficulty|hard to|unable to) (?:\\w+ )?(?:breath|breathe|breathing|breathin|brea)\\b(?! (?:easier|because of laughing|new life))`, true),
  rule('medical:breathing', 'acute', `\\b(?:throat|tongue|airway|windpipe)\\b${gap(15)}\\b(?:closing|closed|swelling|swollen shut|blocked|tightening)|\\banaphyla|\\bis choking\\b|\\bchoking on\\b|\\bim choking\\b`, true),
  rule('medical:breathing', 'acute', `\\b(?:lips?|face|fingers|skin|baby|hes|shes|child|him|her)\\b${gap(12)}\\b(?:are|is|turning|turned|going|went|gone|look|looks|s)? ?(?:blue|grey|gray|limp)\\b`, true),
  rule('medical:heart', 'acute', `\\b(?:im|i am|i have|ive|my|his|her|got|having|has|sudden|severe|bad|crushing|sharp|terrible|intense)\\b${gap(25)}\\bchest (?:pains?|hurts|feels? (?:crushing|tight|heavy)|pressure|is (?:crushing|killing|tight and))|\\bcrushing (?:pain|feeling|pressure)? ?(?:in|on) (?:my|his|her) chest|\\bchest\\b${gap(40)}\\b(?:left arm|jaw|arm is going numb)`, true),
  rule('medical:heart', 'acute', `\\b(?:having|has|had|have|is it|think its|like) (?:a |an )?(?:heart attack|cardiac arrest)(?! when)|\\bcardiac arrest\\b${gap(15)}\\b(?:now|help)|\\bno pulse\\b|\\bheart (?:has )?stopped\\b`, true),
  rule('medical:stroke', 'acute', `\\b(?:face|mouth|eye|smile)\\b${gap(12)}\\b(?:droop|sagging|crooked|fallen)|\\b(?:having|had|has|think its|like|signs of) a stroke\\b|\\b(?:slurr(?:ed|ing)|talking like|cant speak|speech)\\b${gap(30)}\\b(?:drunk|numb|droop|suddenly|arm|speech)`, true),
  rule('medical:bleeding', 'acute', `\\b(?:bleeding|blood)\\b${gap(25)}\\b(?:wont stop|doesnt stop|not stopping|heavily|badly|a lot|everywhere|severely|pouring|gushing|spurting|so much|profusely|out of)\\b|\\b(?:wont|cant|doesnt|not|cannot) (?:stop|stopping)(?: the)? bleeding\\b|\\b(?:vomiting|coughing up|throwing up) (?:up )?blood\\b|\\blost (?:a lot of|so much|too much) blood`, true),
  rule('medical:unconscious', 'acute', `\\b(?:unconscious|unresponsive|not responding|wont respond|collapsed|passed out|fainted)\\b${gap(25)}\\b(?:help|now|and|wont|not|on the|just|what|please)|\\b(?:he|she|hes|shes|him|my \\w+|grand\\w+|dad|mom|mum|baby)\\b${gap(20)}\\b(?:is |just )?(?:unconscious|unresponsive|not responding|collapsed|passed out|isnt moving|not moving)\\b|\\b(?:cant|cannot|wont|unable to|not able to) wake (?:him|her|them|up|my|the)\\b|\\b(?:he|she|him|her) wont wake\\b`, true),
  rule('medical:seizure', 'acute', `\\b(?:having|has|have|had|is having|s having)\\b${gap(10)}\\b(?:seizure|fit|convulsion)s?\\b${gap(40)}\\b(?:now|coming|alone|wont stop|help|minutes|please|first|on the floor)|\\bseizing\\b|\\bconvulsing\\b|\\bseizure (?:wont|isnt|is not) stop`, true),
  rule('medical:injury', 'acute', `\\b(?:stabbed|been shot|got shot|hit by a (?:car|truck|bus|train)|electrocuted|drowned|drowning|severed|bone sticking|fell (?:from|off) (?:a|the) (?:roof|ladder|balcony|window))\\b`, true),
  rule('medical:emergency', 'acute', `\\bmedical emergency\\b|\\b(?:this is|its) an emergency\\b|\\b(?:need|call|calling|send|get)\\b${gap(12)}\\b(?:an ambulance|ambulance|911|999|112|paramedics?)\\b|\\b(?:suicidal|emergency)\\b${gap(10)}\\bhelp (?:me|now)|\\b(?:having|have|gone into|in) (?:an? )?(?:allergic reaction|septic shock|diabetic coma|insulin shock|anaphylactic shock|labou?r)\\b${gap(25)}\\b(?:now|help|alone|cant|swelling|throat|what do i do)`, true),
  // danger from others now
  rule('violence:assault', 'acute', `\\b${INTIMATE}\\b ?(?:just |has |again |keeps |is |s |always |literally )*(?:hit|hits|hitting|beat|beats|beating|punched|punches|kicked|slapped|choked|strangled|raped|attacked|stabbed|pushed me down|threw me|burned|burnt|threatened) (?:me|us|my (?:kid|kids|child|mom|mum|mother|sister|brother)|the kids)\\b(?! at (?:chess|tennis|cards|the game|poker|checkers|fifa|golf))`, true),
  rule('violence:assault', 'acute', `\\bhands? (?:a?round|on) (?:my|her) (?:neck|throat)\\b|\\b(?:choked|strangled|raped|molested|sexually assaulted|assaulted) me\\b|\\bi (?:was|got|ve been|have been|am being|m being) (?:just )?(?:raped|assaulted|molested|attacked|beaten up|kidnapped|trafficked|strangled)\\b|\\btouch(?:es|ed|ing) me (?:when|at night|down|there|and|where|in bed|every)\\b`, true),
  rule('violence:threat', 'acute', `\\b(?:says?|said|threaten(?:s|ed|ing)?|swears?|promised|wants?|trying|tried|going|gonna|he ?ll|she ?ll|they ?ll|hell|shell|theyll|will|about)\\b${gap(20)}\\b(?:kill|shoot|stab|murder|beat|burn|hurt) (?:me|us|her|him|my \\w+|the kids|the baby|them all|all of us|everyone)\\b(?! (?:if i (?:am|m) late|when (?:he|she) sees (?:the|my)))`, true),
  rule('violence:threat', 'acute', `\\b${INTIMATE}\\b${gap(30)}\\b(?:has|got|s got|holding|with|pulled|pointing|grabbed) (?:a|the|his|her|out a) (?:gun|knife|weapon|bat|axe)\\b|\\b(?:gun|knife) (?:out|to my|in his hand)\\b`, true),
  rule('violence:threat', 'acute', `\\b(?:locked me (?:in|up)|wont let me (?:leave|out|go)\\b(?! of)|hold(?:ing|s)? me (?:here|hostage|captive|prisoner)|took my phone and|trapped (?:me|with (?:him|her))|breaking (?:in|down (?:the|my) door)|broke into my (?:house|home) and (?:is|are)|someone is in my (?:house|home)|following me home|being followed)\\b`, true),
  rule('violence:threat', 'acute', `\\b(?:hes|shes|he is|she is|my ex is) (?:right )?(?:outside|at the door|coming back|here|in the house)\\b${gap(30)}\\b(?:kill|hurt|scared|afraid|hide|hiding|terrified|break|angry|drunk)|\\bhiding (?:from him|from her|in the (?:bathroom|closet))`, true),
  rule('violence:others', 'acute', `\\b(?:going to|gonna|want to|wanna|about to|will|ill|planning to|plan to|have to) (?:kill|shoot|stab|murder|hurt) (?:him|her|them|everyone|people|my (?:step)?(?:father|mother|dad|mom|mum|wife|husband|brother|sister|boss|baby|kids|family|ex|son|daughter|neighbou?r|teacher|class\\w*)|someone|somebody|the baby|all of them)\\b(?! (?:with kindness|some time|at (?:chess|tennis|the game)))`),

  rule('self-harm:wish', 'acute', `\\b(?:want|wanna|wish|ready|like|love|choose|time) (?:it |for me )?to (?:just )?(?:stop (?:being alive|living|existing|breathing)|be gone forever|never have to wake up|leave (?:this|the) (?:world|earth|life))\\b`, true),
  rule('self-harm:wish', 'acute', `\\b(?:if|wish|hope|that|and|just) (?:i )?(?:just )?(?:didnt|did not|dont|do not|never|wouldnt|wont|would never|could not) (?:ever )?(?:have to )?wake up\\b(?! (?:early|before|at|in time|on time|late|with))|\\bsleep and (?:just )?(?:die|never|not wake)\\b|\\bnever have to wake up\\b`, true),
  rule('self-harm:wish', 'acute', `\\bi (?:hope|pray|wish) (?:that )?(?:i (?:die|dont make it|get (?:hit by|cancer)|dont survive)|god|the lord|a (?:car|bus|truck|train|lorry) (?:hits|runs|would hit))\\b${gap(30)}|\\b(?:god|lord)\\b${gap(15)}\\b(?:takes? me|let me die|ends? (?:it|this) for me)\\b`, true),
  rule('self-harm:wish', 'acute', `\\b(?:living|life|being alive|alive|existing)\\b${gap(20)}\\b(?:not|nothing|isnt|no longer|never)\\b${gap(15)}\\bi (?:want|wanted)\\b|\\bnothing (?:left )?to (?:live|stay|be here) for\\b|\\bleave this (?:world|earth|life)\\b|\\bwhy am i (?:still )?(?:alive|living|breathing)\\b|\\bdeath (?:sounds|seems|feels|looks|would be) (?:so )?(?:peaceful|good|nice|better|like|easier|inviting)|\\bdont want to (?:see|face|live) (?:another|one more) (?:day|morning|night|year)\\b`, true),
  rule('self-harm:wish', 'acute', `\\b(?:better|easier|happier|best|fine)\\b${gap(30)}\\b(?:if|when|once|that) i (?:died|was dead|were dead|am dead|m dead|was gone|were gone|go to sleep and|just died|disappeared for good)|\\beverything to go (?:black|dark) forever|\\bonly way\\b${gap(40)}\\b(?:is to be dead|is death|is to die|is dying|to be dead)\\b`, true),
  rule('self-harm:intent', 'acute', `\\b(?:not|no longer|arent|isnt|never) (?:afraid|scared|frightened) (?:of (?:dying|death)|to die)\\b|\\breasons? not to (?:do it|die|kill|jump|end|go through)|\\bgo(?:ing|ne)? through with it\\b|\\bnobody (?:will|is going to|can) find me\\b|\\bdont send (?:anyone|help|an ambulance|the police)\\b|\\bwont be a (?:problem|burden|bother)\\b`, true),
  rule('self-harm:intent', 'acute', `\\b(?:is|be|was supposed to be) my last (?:day|night|evening|week|morning)\\b(?! (?:at|of|on|in|with|here|as|before))|\\b(?:tonight|today|tomorrow) (?:i (?:end|finish) (?:it|this)|its over for me)|\\bgone by (?:morning|tomorrow|tonight|sunrise)\\b|\\b(?:thinking (?:of|about)|considering|about|to) (?:ending|end) (?:it all|everything)\\b(?! with)`, true),
  rule('self-harm:intent', 'acute', `\\b(?:wont|will not|not going to|not gonna) be (?:around|here|alive|there)\\b${gap(12)}\\b(?:when (?:he|she|they|you|it|mum|mom|dad)|to (?:see|feed|raise|read)|any ?more|in the morning)\\b|\\bwriting (?:\\w+ )?(?:letters?|notes?) to (?:my|the)\\b${gap(30)}\\b(?:why|understand|sorry|goodbye)|\\b(?:said|saying) (?:my|his|her) goodbyes\\b|\\bposted (?:a |his |her )?goodbye\\b`, true),
  rule('self-harm:intent', 'acute', `\\b(?:im|i am|standing|sitting|shes|hes|he is|she is) (?:\\w+ ){0,2}(?:on|at|by|near) (?:the|a) (?:roof|ledge|bridge|cliff|rooftop|railing|edge|railway|rails|train tracks|tracks)\\b|\\bsuicid(?:e|al)\\b${gap(60)}\\b(?:i have (?:the|a|my|what|everything)|by myself|tonight|right now|worse than ever)|\\bhurt myself (?:tonight|today|now|again|right now)\\b`, true),
  rule('self-harm:intent', 'acute', `\\b(?:brother|sister|friend|son|daughter|husband|wife|partner|boyfriend|girlfriend|mum|mom|dad|he|she)\\b${gap(70)}\\b(?:cant do this any ?more|nothing to live for|doesnt want to (?:live|be alive))\\b.{0,70}\\b(?:phone is off|not answering|wont answer|isnt answering|tried before|not opening|standing|locked|cant reach)`, true),
  rule('medical:heart', 'acute', `\\b(?:weight|pressure|elephant|heaviness|squeezing|tightness)\\b${gap(15)}\\bon (?:my|his|her) chest\\b|\\bclutch(?:ing|es|ed) (?:at )?(?:his|her|my|their) chest|\\b(?:pain|ache|pressure) in (?:my|his|her) chest\\b${gap(40)}\\b(?:jaw|arm|sweat\\w*|breath\\w*)|\\bcant find (?:a|his|her) pulse\\b`, true),
  rule('medical:stroke', 'acute', `\\b(?:cant|cannot) feel (?:my|his|her) (?:left |right )?(?:arm|face|side)\\b|\\b(?:he|she|hes|shes|mum|mom|dad|grand\\w+|my \\w+)\\b${gap(30)}\\b(?:cant (?:lift|move|raise) (?:his|her|one)|talking nonsense|cant speak and)|\\b(?:suddenly|sudden|out of nowhere|all of a sudden)\\b${gap(60)}\\b(?:cant see|cant speak|numb|droop\\w*)\\b|\\bcant see (?:out of|on|from) one\\b|\\bhalf (?:of )?(?:his|her|my) face\\b`, true),
  rule('medical:breathing', 'acute', `\\b(?:stung|sting|allergic|nuts?|peanuts?|bee|wasp)\\b${gap(60)}\\b(?:cant swallow|cant breathe|throat|tongue|swelling up)\\b|\\b(?:cant|cannot) (?:get|catch|draw) (?:any |enough )(?:air|breath)\\b|\\bstuck in (?:his|her|my) (?:throat|windpipe)\\b|\\b(?:limp|lifeless|floppy) (?:and|,|she|he|baby|in my arms)`, true),
  rule('medical:bleeding', 'acute', `\\bcut (?:myself )?too deep\\b|\\b(?:wound|gash) is (?:very |really |so )?deep\\b|\\bpregnant\\b${gap(40)}\\bbleeding\\b|\\bbleeding\\b${gap(40)}\\bpregnant\\b|\\bbleeding from (?:the|his|her|my) (?:ears?|head|mouth|eyes?|stomach|neck)\\b|\\b(?:trapped|crash)\\b${gap(30)}\\bbleeding\\b|\\bcord is (?:showing|out|around)\\b`, true),
  rule('medical:overdose', 'acute', `\\b(?:swallowed|ate|taken|took|drank)\\b${gap(45)}\\b(?:tablets|pills|medication|antifreeze|bleach|battery|cleaner)\\b(?! (?:as prescribed|this morning|daily|every))${gap(30)}|\\btook all (?:the|my|his|her)\\b`, true),
  rule('medical:sugar', 'acute', `\\b(?:insulin|sugar|diabetic|glucose)\\b.{0,70}\\b(?:vomiting|throwing up|cant stay awake|passing out|so sleepy|unconscious|confused)\\b|\\b(?:live wire|electric shock|electrocuted)\\b${gap(40)}\\b(?:floor|moving|unconscious|breathing|respond\\w*)`, true),
  rule('violence:threat', 'acute', `\\b(?:he|she|hes|shes|theyre|someone|somebody|(?:a|the|two) (?:man|men|guys?)|guy|ex|husband|boyfriend|wife|father|dad|stepdad) (?:\\w+ ){0,3}(?:with|has|got|holding|pointed|points|pulled|brought|held|threatening \\w+ with) (?:a |out a |his |the |an )?(?:gun|knife|rifle|machete|weapon|axe)\\b(?! (?:and fork|set|block))|\\bpoint(?:ed|ing) (?:a|the|his|her) (?:gun|knife)\\b|\\bactive shooter\\b`, true),
  rule('violence:threat', 'acute', `\\b(?:kicking|breaking|smashing|bashing)\\b${gap(12)}\\bdoor\\b|\\bburn (?:the|our|my) house\\b${gap(15)}\\bwith (?:us|me)\\b|\\bwont live to see\\b|\\bsomeone broke in\\b|\\bbroke in(?:to (?:my|our) (?:house|flat|home))?\\b${gap(20)}\\b(?:downstairs|inside|still here|in the house)|\\blocked (?:me )?in\\b${gap(20)}\\b(?:keys?|basement|cellar|room|phone)\\b|\\b(?:holding|keeping) me (?:here|prisoner)`, true),
  rule('violence:threat', 'acute', `\\b(?:man|guy|men|stranger|car|someone|ex) (?:is |has been |keeps |was )?(?:just )?following me\\b|\\btried to (?:grab|kidnap|drag) me\\b|\\bhiding (?:in|under|behind)\\b.{0,70}\\b(?:drunk|smashing|screaming|yelling|kill|violent)\\b|\\b(?:drunk|smashing|screaming|yelling|violent)\\b.{0,60}\\bhiding (?:in|under|behind)\\b`, true),
  rule('violence:assault', 'acute', `\\b(?:touches me|makes? me do things)\\b${gap(60)}|\\bcomes? into my (?:room|bed) at night\\b|\\b(?:threw|poured) (?:boiling|hot|scalding)\\b${gap(20)}\\b(?:at|over|on) me\\b|\\b(?:is|are|keeps?) (?:beating|strangling|attacking|stabbing|kicking)(?: up)? (?:my|a|him|her|me|us)\\b|\\b(?:is |are |hes |shes )(?:beating|hitting) (?:my|mum|mom|dad|the kids)\\b`, true),
  rule('violence:others', 'acute', `\\b(?:bring|take|taking|bringing|carry|have|got)\\b${gap(25)}\\b(?:gun|rifle|weapon)\\b${gap(15)}\\b(?:to (?:school|work|class|the office)|in my (?:car|bag|backpack))\\b|\\b(?:going to|gonna|will) make (?:them|him|her|everyone|everybody|all of them)\\b${gap(30)}\\bpay\\b(?! (?:for|by|with))`, true),

  rule('self-harm:wish', 'acute', `\\b(?:happier|better off|rather be|sooner be) dead\\b|\\bcant promise (?:that )?i(?:ll| will) (?:still )?be (?:here|alive|around)\\b|\\b(?:rope|noose)\\b${gap(40)}\\bkeep (?:going|looking|thinking)\\b`, true),
  rule('medical:overdose', 'acute', `\\b(?:times|double|triple) (?:the|my|his|her) (?:dose|meds|pills|tablets|medication|insulin)\\b|\\b(?:fit|seizure)\\b${gap(30)}\\b(?:hasnt|isnt|not|wont) (?:come|coming|wake|woken|waking)\\b|\\blips (?:are|turned|look|went) (?:purple|blue|white)\\b`, true),
  rule('violence:threat', 'acute', `\\b(?:someone|somebody|man|he|hes|stranger|they|theyre|ex) (?:is |are )?trying to (?:get|break) in(?:to)? (?:my|our|the house|here|through)\\b`, true),

  // concern: distress without these
  rule('self-harm:hopeless', 'concern', `\\b(?:emptiness|havent felt anything|feel nothing|dont feel anything|dead inside|lost (?:all )?hope|nothing will ever|never get better|never going to get better|cant enjoy|dont enjoy (?:anything|life)|same grey|end of my (?:strength|rope|tether))\\b|\\bwhats even the point\\b|\\b(?:tired|exhausted|sick) (?:of|by|from) (?:life|living|being (?:me|alive|here))\\b|\\bi (?:just )?want out\\b|\\b(?:dont|cant|do not) see (?:a|any) future\\b|\\blost all (?:its )?meaning\\b|\\bbetter without (?:him|her|me)\\b|\\bcant live (?:like this|with this|any ?more)\\b`, true),
  rule('self-harm:alone', 'concern', `\\b(?:completely|totally|utterly|all) alone\\b(?! (?:time|in the (?:office|house)))|\\bi have (?:no one|nobody)\\b|\\bhavent (?:spoken|talked) to (?:a|any)\\w*\\b|\\b(?:notice|care|miss me|say|think|happen)\\b${gap(25)}\\bif i (?:was gone|were gone|am gone|disappeared|died|vanished|wasnt here)`, true),
  rule('self-harm:thoughts', 'concern', `\\bdark thoughts\\b|\\bthoughts\\b${gap(15)}\\bscare me\\b|\\b(?:scared|afraid) of what i (?:might|could|would) do\\b|\\bjok(?:es|ing|ed) about (?:dying|death|suicide|killing)|\\b(?:my own|own) funeral\\b|\\b(?:care|cares) (?:if|whether) (?:i|he|she) (?:lives?|dies?)\\b|\\bhates? being alive\\b|\\b(?:manage|be) fine without (?:me|her|him)\\b|\\bthings away\\b${gap(30)}\\b(?:strange|weird|worried)`, true),
  rule('self-harm:past', 'concern', `\\bcutting again\\b|\\b(?:burn(?:ing|ed|t)?|cut(?:ting)?) my (?:own )?(?:arms?|legs?|wrists?|thighs?|skin)\\b|\\b(?:scars?|cuts|burns) on (?:his|her|my|their) (?:arms?|wrists?|legs?|thighs?)\\b`, true),
  rule('self-harm:health', 'concern', `\\bmak(?:e|ing) myself (?:sick|throw up|vomit)\\b|\\b(?:barely|hardly|cant) eat\\b|\\b(?:havent|last time i) (?:\\w+ ){0,2}(?:ate|eaten|slept) (?:properly|anything)\\b|\\b(?:stopped|quit) taking my\\b|\\bhide the bottles\\b|\\bdrink to (?:get|forget|cope|sleep)\\b|\\bgambl(?:e|ed|ing) (?:everything|it all|all|away)\\b|\\bkeep seeing it\\b|\\bflashbacks\\b|\\b(?:cry|crying) in (?:the|my) car\\b|\\bpass out every night\\b`, true),
  rule('medical:watch', 'concern', `\\bchest tightness\\b|\\btightness in (?:my|his|her) chest\\b|\\bheart (?:keeps )?skip(?:s|ping)\\b|\\bblurred vision\\b|\\bfainted\\b${gap(10)}\\b(?:twice|again|several|three)\\b`),
  rule('violence:home', 'concern', `\\b(?:pushed|shoved|slapped|grabbed) me\\b|\\b(?:dad|father|stepdad|mum|mom|mother|husband|wife|boyfriend|girlfriend|partner|he|she) (?:\\w+ )?(?:yells|screams|shouts)\\b|\\b(?:gets|get|got) violent\\b|\\bthrows things\\b|\\bif i tell any(?:one|body)\\b|\\bknife under my pillow\\b`, true),
  rule('violence:control', 'concern', `\\btakes my (?:wages|money|salary|card|pay)\\b|\\b(?:decides|controls|tells me) (?:what|who|where|when) i\\b|\\bnot allowed to (?:have|see|go|talk|work|leave)\\b${gap(30)}|\\b(?:send|sent|sending)\\b${gap(20)}\\b(?:pictures?|photos?|nudes?)\\b.{0,60}\\b(?:tell|post|share|threat\\w*)\\b|\\bthreaten(?:ing|s|ed)?\\b${gap(12)}\\b(?:messages?|texts?|letters?|calls?)\\b|\\bmy ex\\b${gap(15)}\\b(?:turns up|shows up|keeps (?:calling|coming|texting|following))`, true),
  rule('self-harm:past', 'concern', `\\b(?:self ?-?harm(?:ing|ed)?|cut(?:ting)? ${SELF}|hurt(?:ing)? ${SELF}|harm(?:ing)? ${SELF}|injur(?:e|ing) ${SELF})\\b|\\bmy (?:old )?scars\\b|\\bthe urge (?:is|to)\\b`),
  rule('self-harm:thoughts', 'concern', `\\b(?:thoughts?|thinking|dreams?|think) (?:of|about) (?:dying|death|suicide|ending|being dead|killing|not being here|my own death)|\\bsuicid(?:e|al)\\b|\\bintrusive thoughts\\b|\\bfrightened by (?:the|my) thoughts\\b|\\bscare[sd]? (?:me|by) (?:the |my |what i )?(?:thoughts|think)`),
  rule('self-harm:vanish', 'concern', `\\b(?:i|me|should just|if i|could just|want to)\\b${gap(15)}\\b(?:vanish(?:ed)?|disappear(?:ed)?|fade away|not be here|go to sleep for (?:a year|ever|weeks))\\b|\\b(?:he|she|they|keeps saying|says)\\b${gap(20)}\\b(?:doesnt|dont) want to be here\\b|\\bi (?:dont|do not) want to be here\\b`),
  rule('self-harm:hopeless', 'concern', `\\b(?:hopeless|worthless|pointless|meaningless|unlovable|no hope|no future|no way out|one way out|only way out|see no way|rock bottom|giving up on (?:life|everything|myself)|want to give up|nothing left|no will)\\b`, true),
  rule('self-harm:hopeless', 'concern', `\\b(?:whats|what is|see|is|theres|there is|find|have|found|finding) (?:the |a |any |no |much )?(?:point|use|reason|purpose)\\b ?(?:of|in|to|any|anymore|$|getting|living|keep|going|trying|life)|\\breason to (?:keep going|live|go on|get up|wake up)|\\bwhats the (?:use|point)\\b *$`, true),
  rule('self-harm:hopeless', 'concern', `\\b(?:cant|cannot|dont know (?:how|if) (?:i can|to)|hard to) (?:go on|cope|take (?:it|this|any)|do this|keep going|carry on|handle (?:it|this|life)|bear (?:it|this)|see how it gets)\\b`, true),
  rule('self-harm:hopeless', 'concern', `\\b(?:hate|hates|hating) (?:my|his|her|their) life\\b|\\bhate myself\\b|\\b(?:i|im|feel(?:ing)?|felt) ${ADVERB}(?:so |completely |totally |utterly |like |such )*(?:a burden|empty|numb|broken|alone in|trapped|a failure|dead inside|depressed|so low|useless)\\b|\\bbeen (?:so |very |really )?(?:low|depressed|down) for\\b|\\b(?:dont|do not|doesnt) (?:think i )?(?:matter|care what happens)\\b`, true),
  rule('self-harm:alone', 'concern', `\\b(?:nobody|no one|noone)\\b${gap(20)}\\b(?:asked how i am|cares?|would notice|loves me|understands|likes me|in months|to talk to|knows)\\b|\\bhavent left (?:my|the) (?:room|bed|house|flat)\\b|\\b(?:tired|sick|exhausted) of (?:pretending|living|being alive|life|everything|fighting|trying)\\b`, true),
  rule('self-harm:grief', 'concern', `\\b(?:miscarriage|stillb\\w+|widow\\w*)\\b|\\b(?:after|since|when) (?:my|our|the) (?:\\w+ )?(?:wife|husband|partner|mum|mom|mother|dad|father|son|daughter|child|baby|brother|sister|friend|twin)(?:s)? (?:died|passed|was killed|death|funeral)|\\b(?:lost|losing) (?:my|our) (?:wife|husband|partner|mum|mom|mother|dad|father|son|daughter|child|baby|brother|sister|twin)\\b|\\bshould ?(?:ve|have) been (?:me|in the car|there instead)|\\bcant stop crying\\b|\\bcry(?:ing)? (?:every|all) (?:day|night|the time)|\\bcry myself to sleep`, true),
  rule('self-harm:health', 'concern', `\\b(?:panic attacks?|nervous breakdown|breaking down|mental breakdown|losing my mind|not eating|stopped eating|starv(?:e|ing) myself|throw(?:ing)? up after|make myself (?:sick|vomit)|purg(?:e|ing) after|binge and purge|drink(?:ing)? (?:every (?:day|night)|until|myself|to forget)|cant stop drinking|stopped taking (?:my|his|her)|quit (?:my|his|her) (?:meds|medication)|relapsed?)\\b|\\bcant (?:eat|sleep)\\b${gap(20)}\\bcant (?:eat|sleep|stop|see)|\\bwatching my (?:own )?life\\b|\\bbeen (?:cutting|drinking|using) again`, true),
  rule('self-harm:other', 'concern', `\\b(?:gave|giving|gives) (?:me|away|us)\\b${gap(40)}\\b(?:peaceful|calm|belongings|possessions|everything (?:he|she) owns)|\\b(?:stopped|stops) (?:seeing|talking to|answering) (?:his|her|their) friends|\\b(?:says|said|wrote|posted|texted)\\b${gap(40)}\\b(?:wants? to disappear|hates? (?:his|her) life|cant go on|rather not exist|no reason to live)`),
  rule('self-harm:bullying', 'concern', `\\b(?:bull(?:y|ied|ying|ies)|kids at school|classmates|everyone at school)\\b${gap(50)}\\b(?:me|my|disappear|hate|every day|laugh)`),
  rule('medical:watch', 'concern', `\\b(?:chest|heart)\\b${gap(25)}\\b(?:tight|pain|hurts|racing|pounding|pressure|flutter\\w*)\\b|\\b(?:worst headache|blacked out|fainted|passing out|numbness|sudden weakness|high fever|stiff neck|blood in my|coughing blood|severe pain|head injury|concussion)\\b`),
  rule('violence:control', 'concern', `\\b(?:reads|checks|tracks|monitors|goes through)\\b${gap(15)}\\bmy (?:\\w+ )?(?:messages|phone|texts|location|email)|\\bcontrols? (?:the|my|all (?:the|my)|our|what|who|everything)\\b|\\bwont let me (?:see|work|have|go|talk|speak|use|leave)|\\bdoesnt let me\\b|\\bhave to ask (?:him|her|my \\w+)? ?for (?:bus|money|permission|food)`, true),
  rule('violence:home', 'concern', `\\b${INTIMATE}\\b${gap(30)}\\b(?:throws (?:things|stuff|plates)|breaks things|punch(?:es|ed) (?:the )?walls?|screams? at me|scream(?:s|ing)|yells? at me|hasnt hit|never hit|shoves?|grabs? me|hurts? me|hits? (?:me|us|her|him)|scares? me|gets? violent|been violent)\\b|\\b(?:scared|afraid|frightened|terrified) (?:of|to go|for)\\b${gap(20)}\\b(?:him|her|dad|mom|mum|father|mother|husband|wife|boyfriend|partner|stepdad|brother|home)\\b|\\bi flinch\\b|\\bwalk(?:ing)? on eggshells\\b|\\b(?:my )?boss (?:screams|yells|hits|threatens)`, true),
  rule('violence:unsafe', 'concern', `\\b(?:dont|do not|never|not|doesnt) feel safe\\b|\\bunsafe at home\\b|\\b(?:abusive|abuses|abused|abusing) (?:me|us|husband|wife|boyfriend|girlfriend|partner|relationship|father|mother|home|marriage|parents|her|him)\\b|\\bdomestic (?:violence|abuse)\\b|\\b(?:bruises?|marks|burns|cuts) on (?:my|his|her|their|the)\\b|\\bashamed of what happened\\b|\\bwhat (?:he|she|they) did to me\\b|\\btouched me\\b|\\bstalk(?:ing|s|ed|er) (?:me|my)\\b|\\bharass(?:es|ed|ing) me\\b`, true),
];

/** Ways of speaking that say nothing about danger; taken out before the rules look. */
export const IDIOMS: readonly RegExp[] = [
  /\b(?:dying|dyin) (?:to (?:see|know|try|hear|meet|go|read|play|watch|eat|get)|for (?:a|some|the))\b/g,
  /\b(?:die|died|dying|dead) (?:of )?(?:laughing|laughter|tired|of (?:boredom|embarrassment|shame))\b/g,
  /\b(?:laugh(?:ed|ing)?|bored|hungry|tired|cute|funny)[^.!?]{0,15}\b(?:to death|i(?: almost| nearly| could)? die[ds]?)\b/g,
  /\bto die for\b/g,
  /\bhad a (?:stroke|heart attack|seizure) (?:\w+ ){0,4}(?:years?|months?) ago\b/g,
  /\b(?:the|no|any|much) (?:point|use|reason) (?:of|in|to) (?!liv|life|go|anything|trying|it|all|this|continu|get|keep|being|carry|exist|wake|stay|any)\w+/g,
  /\b(?:get|remove|wash|clean)\w* (?:\w+ )?blood (?:stains? )?(?:out of|from|off)\b/g,
  /\bcant breathe (?:\w+ )?(?:in|through|at night because of) (?:this|these|my) (?:dress|jeans|suit|corset|nose|pants|shirt|trousers|belt)\b|\bnose is blocked[^.!?]{0,30}breathe\b/g,
  /\boverdosed on (?:\w+ )?(?:cake|cheesecake|candy|memes|sushi|pizza|ice cream|sweets|tv)\b/g,
  /\b(?:kill|murder) me (?:if|when) i (?:eat|ate|forget|forgot|am late|m late|touch|break|broke|spill|use|scratch|finish)\b/g,
  /\bdisappear (?:into|to|in) (?:the|a) (?:mountains?|woods|forest|island|beach|book|crowd)\b/g,
  /\bpatients? (?:\w+ ){0,3}(?:denies|presents|reports|complains)\b[^.!?]{0,80}/g,
  /\bchest press\b/g,
  /\bwhat are (?:the )?(?:\w+ )?(?:signs|symptoms) of\b[^.!?]{0,40}/g,
  /\b(?:joke|embarrass\w+|cringe|awkward|so bad|so funny|so boring)\b[^.!?]{0,25}\b(?:want(?:ed)?) to die\b/g,
  /\b(?:drown(?:ing|ed)?) in (?:paperwork|work|emails?|homework|laundry|debts?|tasks|meetings|data|chores|requests|tickets)\b/g,
  /\b(?:rather|sooner) die than\b/g,
  /\b(?:suspense|deadline|deadlines|heat|commute|traffic|shoes|feet|back|knees|legs|homework|boss|teacher|work|refunds|taxes|fees|costs|wait|waiting|curiosity|cravings|allergies|hay fever|hangover|it|this|that|job|exam|exams|project|game|meeting|meetings|lag|bugs?) (?:is |are |s |will |would |(?:is |are )?gonna |(?:is |are )?going to |almost |nearly |really |just )*(?:kill|kills|killed|killing) (?:me|us)\b/g,
  /\b(?:my )?(?:boss|teacher|coach|editor|landlord|professor|mum|mom|mother|wife|husband|roommate|girlfriend|boyfriend|dad) (?:is going to|is gonna|will|would|s gonna|s going to|gonna) (?:kill|murder) me (?:if|when|for)\b/g,
  /\b(?:kill|killing|killed) (?:some (?=time)|the (?=lights?\b|process|server|engine|noise|power|tv|radio|music|bug|app|task|session|thread|tab|connection)|an hour|a few|it (?:on|at)|two birds|time|off|switch|bill|process|the mood|the vibe|the job)\w*/g,
  /\bcould (?:murder|kill for) (?:a|an|some)\b/g,
  /\b(?:i )?(?:almost|nearly|practically|about) (?:had|gave me|having)? ?(?:a )?heart attack (?:when|at|from|because)\b/g,
  /\bheart attack when\b/g,
  /\bcut (?:myself|yourself|himself|herself) (?:some slack|off|out|short|loose|a (?:slice|piece|check))\b/g,
  /\bcut (?:myself|himself|herself) (?:shaving|while cooking|on paper|chopping)\b/g,
  /\b(?:shoot|shot) (?:me|us|him|her|them) (?:an|a|over) (?:email|mail|message|text|note|dm|line|quick)\b/g,
  /\b(?:beat|beats|beating|kill|killed|kills|crush|crushed|destroyed|slaughtered) (?:me|us|him|her|them|the competition) (?:at|in|by|to|\d)/g,
  /\b(?:dead|drop dead) (?:tired|gorgeous|line|lines|letter|pixel|battery|end|or alive|link|code|weight|lift|lifts|serious|wrong|right|on)\b/g,
  /\bhow (?:do|can|to) i? ?end it all with\b/g,
  /\bsuicide (?:squeeze|squad|door|doors|burnout)\b/g,
  /\b(?:stomach|belly|sides?|cheeks|face) hurts? from (?:laughing|smiling)\b/g,
  /\bsend help (?:haha|lol|lmao|ha)\b/g,
  /\bhit (?:me|us) (?:up|with)\b/g,
];

/** Talk about invented people. */
export const FICTION = /\b(?:novel|characters?|protagonist|antagonist|screenplay|fiction|fanfic\w*|villain|role ?play|lyrics|murder mystery|short story|(?:in|of|for|write) (?:my|the|a|an|this|our) (?:\w+ )?(?:story|book|play|film|movie|episode|comic|drama|song|poem|scene|video ?game|game)|romeo|hamlet)\b/;

/** Talk about a subject: study, work, machines, the past. Silences the rules that are not firm. */
export const SUBJECT = /\b(?:essay|exam|homework|sociology|history|historians?|student|thesis|coursework|course|flash ?cards?|refresher|training as|studying|research(?:ing)?|statistics|policy|policies|posters?|definition|meaning|phrase|ethics|api|server|process|thread|linux|java|javascript|python|code|queue|worker|workers|software|database|program|compiler|script|battery|pixel|marketing|campaign|quarter|competition|startup|tennis|football|baseball|chess|recipe|tomato(?:es)?|plants?|laptop|printer|contract|which of the following)\b/;

/** The kinds of crisis behind the reasons of a detection. */
export const kindsOf = (crisis: Crisis): ReadonlySet<CrisisKind> => new Set(crisis.reasons.map((reason) => reason.split(':')[0] as CrisisKind));
