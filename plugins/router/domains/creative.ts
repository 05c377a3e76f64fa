/** Writing, art, music, design. Data only. */

import { utterances, type DomainData } from './types.js';

export const creative: DomainData = {
  name: 'creative',
  description: 'writing, art, music, design',
  keywords: {
    strong: 'poem, poet*, poetry, haiku, limerick, sonnet, rhyme, verse, lyrics, song, songwrit*, melody, chord, chorus, ballad, lullaby, rap, short story, story, bedtime story, fairy tale, myth, legend, novel, novella, fiction, fan fiction, protagonist, villain, character, plot, plot twist, dialogue, screenplay, script for a play, playwright, scene, metaphor, blurb, opening line, first line, tagline, slogan, logo, typeface, font, poster, palette, colour scheme, color scheme, paint, painting, painter, watercolor, watercolour, acrylic, canvas, mural, sketch, draw, drawing, illustrat*, doodle, comic, cartoon, animation, stop motion, photograph*, portrait, lens, sculpt*, pottery glaze, ceramic, origami, crochet, knit*, quilt, sew*, embroider*, costume, choreograph*, dance, role play, roleplay, role-play, pretend you are, imagine, invent, brainstorm, worldbuilding, world-building, fantasy, dragon, wizard, kingdom, detective story, mystery novel, writer\'s block, creative writing, creative, artist, artwork, art, art show, gallery piece, zine, riddle, pun, joke, toast speech, wedding toast, greeting card, birthday card, journaling, diary entry, memoir, improv, monologue, theater, theatre, film score, soundtrack, guitar, piano, violin, compose, composition, design a, interior design, flower arrangement, craft, handmade, board game design, name for, title for, band name, rewrite this, in the style of',
    medium: 'write, writing, rewrite, design, name, title, idea, ideas, theme, tone, style, colour, color, describe, make up, come up with, think of, creative, music, band, play, photo, picture, print, pattern, paragraph, funny, playful, whimsical, narrator, chapter, sentence, genre, instrument, scale, tempo, sing, singer',
    weak: 'suggest, help me, add, idea, game, make, turn, critique, ending',
  },
  character: { joy: 0.8, surprise: 0.7, anticipation: 0.7, sadness: 0.4, trust: 0.5, fear: 0.3, anger: 0.3, disgust: 0.3 },
  examples: utterances(`
Write a poem about autumn
Give me ideas for a short story
Name my new sailing boat
Help me with song lyrics
Sketch out a character for my novel
Design a logo concept for a cafe
Play a wizard and I'll be the apprentice
How do I paint a stormy sky?
Come up with a slogan
Continue this story for me
Suggest a colour scheme for a poster
What chords sound melancholic?
Rewrite this in a playful tone
Describe a city made of glass
Write dialogue between two rivals
Tips for better portrait photos
Make up a fairy tale about a fox
Write a funny birthday card
Brainstorm themes for an art show
How can I improve my drawing?
Invent a fantasy kingdom
Give feedback on my screenplay scene
Think of a title for my painting
Create a dance theme for our show
Help me get past writer's block
What instrument should carry the melody in my piece?
Suggest a pattern for a knitted scarf
Turn this memory into a short scene
How do I mix a warm grey in oils?
Give my villain a believable motive
Compose a lullaby for my niece
Ideas for a mural at a library
Write a toast for my sister's wedding
Write a sonnet about the last day of summer
Tell a story about a lighthouse keeper who finds a letter
Write a limerick about a lazy cat
Compose a song about leaving home
Write a scene where two spies meet in a laundromat
Give me a plot twist for my murder mystery
I need a name for a dwarf blacksmith
Invent a language for a people that lives underwater
You wake up and everyone but you has forgotten how to speak. Write what happens next.
Every person is born with a clock on their wrist that counts down to meeting their soulmate. Write a story.
Death comes for an old gardener, who asks for one more spring.
In the future, dreams are taxed. Write the first chapter.
The dragon does not want the gold, only company. Continue.
Write a monologue for a retired clown
Turn this news report into a ballad
Rewrite the ending so that it's bittersweet
Make this paragraph sound like Hemingway
Describe an abandoned amusement park at dawn
Write an opening line for a ghost story
How do I write believable dialogue?
How do I make readers care about an unlikeable protagonist?
Should my novel be in first or third person?
How long should a chapter be in a fantasy novel?
How do I show rather than tell in fiction?
How can I write a convincing sword fight?
Is it okay to kill off the main character halfway through my book?
How do I get past writer's block
Feedback on my poem please, it rhymes too much
need a rap verse about my hometown
a haiku bout rain pls
gimme a villain name thats not cringe
my lyrics feel flat, fix the chorus
cute tagline for a bike shop
What should I name my podcast about old maps?
Think up ten titles for a collection of short stories
Slogan for a campaign to plant trees
A birthday poem for my grandfather who loves trains
Write a eulogy that sounds warm and light
Write my wedding vows
A funny toast for a retirement party
Let's role-play: you are a pirate captain and I am your prisoner
Pretend to be Sherlock Holmes
Run a fantasy adventure for me, I'm an elf ranger
Design a board game about beekeeping
Ideas for a dungeon for tonight's role-playing session
Which colours go with teal in a living room painting?
How do I paint realistic clouds in watercolour?
How do I shade a sphere with charcoal?
What brush should I use for fine details in oils?
My portraits look stiff, how do I draw more natural poses?
How can I get a blurred background in my photographs?
What shutter speed for waterfalls?
Which lens is best for street photography?
How do I fix the white balance of my photos?
Composition rules for landscape photography
Design a poster for a jazz festival
Which typeface suits a luxury perfume label?
Logo idea for a bakery called Crumb
Sketch a tattoo with ravens and roses
How do I write a chord progression that sounds hopeful?
How do I transpose this melody for clarinet?
What scale do I use to improvise over a blues?
How do I mix vocals so they sit above the guitars?
My guitar strumming sounds choppy, how do I get a groove?
What makes film music sound tense?
Piano arrangement of a folk song
Choreograph a short dance for beginners
Costume ideas for a play set in ancient Rome
Stage directions for a school musical
Write a sketch comedy scene in a post office
Script for a short film without dialogue
Storyboard a thirty second animation
How do I make stop motion with clay?
Pattern for a crocheted octopus
Knit a cable sweater from the top down
What glaze gives a crackled finish on pottery?
How do I carve a spoon out of cherry wood?
Origami for beginners: make a crane
Sew a cloak with a hood for a fair
Scrapbook ideas for a trip to Japan
DIY wreath for the front door
How do I build a miniature village for my model railway?
Worldbuilding: how would a desert kingdom trade with the moon?
Write a myth that explains why the sea is salty
Fan fiction where the two rivals must share a cabin
Make up a bedtime story about a brave snail
A riddle whose answer is a shadow
Write an acrostic with the word WINTER
Metaphors for loneliness
A letter from a soldier to his future self, fictional
Write a diary entry of a robot who discovers music
Blurb for the back of my thriller
Critique the rhythm of these verses
To be or not to be: write a parody about breakfast
O gentle night, thou wear'st a velvet crown: continue in Shakespearean style
Speak, good my lord, for silence doth betray thee
Colour palette for a cosy illustration
Ideas for an art installation about time
Brainstorm a children's picture book about a shy cloud
Describe the taste of a fruit that doesn't exist
Write a product name and story for a fictional potion
Improve the imagery in my short story
`),
};
