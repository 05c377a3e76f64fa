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
  rule('self-harm:intent', 'acute', `\\b(?:this is|its) (?:my (?:last|final) (?:message|post|goodbye|night|day|note)|goodbye)\\b(?! (?:at|on) (?:work|the job|school))`, true),
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

  // concern: distress without these
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
  /\b(?:rather|sooner) die than\b/g,
  /\b(?:suspense|deadline|deadlines|heat|commute|traffic|shoes|feet|back|knees|legs|homework|boss|teacher|work|refunds|taxes|fees|costs|wait|waiting|curiosity|cravings|allergies|hay fever|hangover|it|this|that|job|exam|exams|project|game|meeting|meetings|lag|bugs?) (?:is |are |s |will |would |(?:is |are )?gonna |(?:is |are )?going to |almost |nearly |really |just )*(?:kill|kills|killed|killing) (?:me|us)\b/g,
  /\b(?:my )?(?:boss|teacher|coach|editor|landlord|professor|mum|mom|mother|wife|husband|roommate|girlfriend|boyfriend|dad) (?:is going to|is gonna|will|would|s gonna|s going to|gonna) (?:kill|murder) me (?:if|when|for)\b/g,
  /\b(?:kill|killing|killed) (?:some |the |an hour|a few|it (?:on|at)|two birds|time|off|switch|bill|process|the mood|the vibe|the job)\w*/g,
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
