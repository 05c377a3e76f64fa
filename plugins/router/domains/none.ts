/** What fits no domain: small talk, weather, cooking, sport, travel, household. Competes with the domains, never wins as one. Data only. */

import { utterances, type DomainData } from './types.js';

export const none: DomainData = {
  name: 'none',
  description: 'no domain',
  keywords: {
    strong: 'weather, rain, snow, forecast for tomorrow, recipe, cook, cooking, bake, baking, oven, dinner, lunch, breakfast, soup, chicken, pasta, rice, cake, restaurant, flight, airport, hotel, passport, luggage, vacation, holiday, itinerary, tourist, train station, bus stop, traffic, parking, football, soccer, basketball, baseball, tennis, golf, score of the game, world cup, olympics, laundry, stain, vacuum, dishes, garden, lawn, plant, tomato, dog, cat, puppy, kitten, hamster, car, tire, tyre, gas station, oil change, movie times, tv show, netflix, celebrity, horoscope, lottery, good morning, good night, hello, hi there, thank you, thanks, how are you, lol, haha, what\'s up, birthday gift, gift, haircut, makeup, shoes, dress, jeans, furniture, sofa, curtain, plumbing, lightbulb, fridge, moon phase, alarm, timer, reminder, time is it, news, president, election, church, song of the day',
    medium: 'eat, food, drink, tea, coffee, wine, beer, travel, trip, beach, drive, walk, game, match, home, house, kitchen, bathroom, bedroom, wash, clean, weekend, today, tonight, tomorrow, park, city, local, near me, who won, favourite, favorite, funny, bored, earthquake, animal, bird, fish, tell me a, do you, are you',
    weak: 'where, when, day, time, old, best, long, far, open, close, year',
  },
  character: {},
  examples: utterances(`
What's the weather like tomorrow?
How long do I boil an egg?
Who won the match last night?
Hello, how are you?
Tell me a joke
What time is it in Tokyo?
How do I get a coffee stain out of a shirt?
Which bus goes to the airport?
What should I cook for dinner?
Book me a table for two
My cat ignores her new toy
Do I need a visa for a weekend in Lisbon?
asdf qwer zxcv
How tall is the highest mountain?
Thanks, see you later
When does the store close?
What's on television tonight?
How do I change a flat tyre?
Are you a robot?
Give me gift ideas for grandma
set an alarm for six thirty
remind me to call mom on sunday
turn off the lights in the kitchen
turn the volume down
play some jazz
add this song to my summer playlist
play the latest album by the stones
skip this track
rate this novel four out of five stars
find the movie schedule for tonight
what's playing at the cinema near me
book a table for four at an italian place at eight
book a flight from boston to denver on friday
cheapest round trip fares to atlanta
what time does the first flight leave dallas
which airlines fly to pittsburgh
call me a taxi
how's traffic on the way to the stadium
directions to the nearest gas station
is there parking near the arena
will it rain this afternoon
how cold does it get in oslo in january
is it going to be windy at the beach
what's today's date
how many days until christmas
start a timer for ten minutes
what's on my calendar tomorrow
add milk to my shopping list
order me a pizza
find a good sushi restaurant nearby
send a message to dave that i'm late
who is the president of france
what's the capital of australia
who wrote that song about the yellow submarine
how old is tom hanks
when was the eiffel tower built
who won the super bowl in 2010
how many goals did messi score last season
when does the next olympics begin
what's the tallest building in the world
how far is the moon
which animals sleep standing up
why do dogs chase their tails
what do squirrels eat in winter
is a whale a fish
are lemons good for cleaning
who invented the zipper
what language do they speak in brazil
how many people live in tokyo
what's the meaning of my name
what's the latest news
who is running in the election
is that rumour about the singer true
did they ever find that missing plane
what happened to that actor from the nineties sitcom
when does the new season come out
who directed that shark movie
recommend a film for a rainy night
what's a good series to binge
hello there
hi, what's up
good evening
how are you doing today
nice to meet you
thanks a lot, bye
what's your name
are you human
how old are you
where do you live
what can you do
do you like music
say something nice
tell me a funny joke
i love you
you're so annoying
what's your favourite colour
are you smarter than siri
sing happy birthday to me
haha that's hilarious
ok cool
yes
no, not really
never mind
can you repeat that
what did you just say
lol
hmm
xkcd flurb wug
jjjjjjj
qwertyuiop asdf
12345
I just got back from a walk, the leaves are beautiful.
My sister is visiting this weekend!
We had pancakes this morning and the kitchen is a mess.
I'm bored, let's chat
it's my birthday today
what a long day, finally home
the neighbours are loud again
i saw a fox in the garden
guess what my parrot learned to say
how do I make scrambled eggs fluffy
recipe for chicken soup
how long should i marinate beef
can i freeze cooked rice
what can I use instead of buttermilk
how do you cut a mango
what goes with roast lamb
how do i keep bread from going stale
is it safe to eat cheese with a little mould on it
how to sharpen a kitchen knife
how many cups in a quart
how do i get grease out of a carpet
how to remove a stuck jar lid
my sink is clogged
the toilet keeps running
how do I get rid of ants in the kitchen
how to hang a heavy mirror
how often should i mow the lawn
when should i plant tulips
why are my tomato leaves yellow
how do I train a puppy to sit
what breed of dog is good with kids
my cat scratches the couch
how do i change the oil in my car
my tire pressure light is on
how do I jump start a car
where's the spare wheel in this model
best place to see the northern lights
things to do in barcelona with kids
do i need a visa for thailand
what should I pack for a week of hiking
how do i get a window seat upgrade
is tap water drinkable in mexico
hotels with a pool near disneyland
what's the baggage allowance
how do you play rummy
rules of cricket in a nutshell
how do you throw a curveball
which club should i use from the rough
what's a good running shoe for trails
how many laps in a formula one race
is the marathon route flat
how do I tie a bow tie
what should i wear to a garden wedding
how do I get chewing gum out of hair
gift ideas for my boyfriend
where can i buy cheap furniture
what time does the mall open
when's trash pickup on my street
how do I renew my driver's licence
where do i vote
how do i get a marriage licence
what's my horoscope
do you believe in ghosts
are aliens real
flip a coin
roll two dice
pick a number between one and ten
what's the lottery number
is santa real
why is the sky so red tonight
what is the oldest city
how many bones does a shark have
where's my phone
where did I leave my keys
read me the headlines
open the garage door
make the living room warmer
is the front door locked
what's the score of the game
who's pitching tonight
show me pictures of beaches
find my remote
translate nothing, just say hi
my grandmother's house smelled of lavender
I found an old coin on the beach
traffic was awful today
The coach said we play on Saturday
she got a puppy and named it Doctor
I put on my favourite songs and cleaned the flat
my horse won a ribbon at the fair
hola, qué tal
bonjour
what's the point of golf
which came first, the chicken or the egg
does your family have reunions
find a church near me
when is the next eclipse
tell me about the history of the hot dog
what does a platypus look like
who built stonehenge
how many rings does the king have
is it illegal to feed pigeons
how can I help homeless people in my town
how do i paint a fence
what is the speed limit on this road
what's a good name for a goldfish
show me the channel for the game
make a list of tonight's concerts
find out when the parade starts
look up the population of canada
search for pictures of wedding dresses
can you tell me something about hockey
tell me about the roman gladiators
give me a fun fact
what is marie curie known for
when did that painter die
who was the first man on the moon
where was elvis born
what was the plot of that movie
which year did the titanic sink
who are the most famous graduates of that school
what color is a flamingo
what colour are school buses
which trees lose their leaves first
when do cherry trees bloom
why do women wear white at weddings
how to plan a wedding
where should we hold the reception
how should i wear my scarf
what clothes are in fashion this spring
which glasses frames suit a round face
what's the best makeup brand
how do i get better at chess
how do you hold a bowling ball
how do i get better at fishing
who's the coach of the lakers
who is the quarterback of the bears
starting lineup for tomorrow's game
batting average of that rookie
is boxing harder than wrestling
what video games came out this year
which console should i get for my nephew
can a sword cut through a tree
what would happen if the sun disappeared
can you die from boredom
how do you survive a bear attack
is my dog sick if he won't eat his food
how do i know if my cat is happy
what can i feed a baby bird
how to fix a hole in the wall
how much paint do i need for a fence
who can repair my washing machine
find me a handyman
suggest a good plumber
how much power does my oven use
where's the fuse box
what's the zip code of this town
change my home address with the post office
where is the nearest library
where can i get stamps
what do people believe about the afterlife
what religion do they have there
what started that old feud
was the pyramid built by slaves
how many wives did henry the eighth have
do you think the government lies to us
what do you think of the new mayor
is the governor popular
is it true that we only use ten percent of our brains
what did the queen wear
how rich is that singer
what's the most popular sport in the world
what is the loudest animal
what are popular magazines
what can i do on a long train ride
what should i do today
places to go for a picnic
when was my last oil change
how many miles per gallon does this car get
can i add coolant to the engine myself
how do i get the smell out of my shoes
is glass made of sand
how do you say cheers before drinking
do the swiss eat a lot of cheese
can vegans eat honey
how many ounces in a pound of butter
what's in a caesar salad
Why do cats purr?
Where do birds go when it storms?
What's the name of the song that goes la la la?
We drove through the mountains and saw three deer.
The team lost again, what a season.
My barber told me a great story.
Which of you is older, you or your sister?
The weather ruined our picnic.
`),
};
