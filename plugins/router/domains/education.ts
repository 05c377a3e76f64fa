/** Learning, teaching, homework, school subjects. Data only. */

import { utterances, type DomainData } from './types.js';

export const education: DomainData = {
  name: 'education',
  description: 'learning, teaching, homework, school subjects',
  keywords: {
    strong: 'homework, exam, essay, student, teacher, lesson, lesson plan, study, studying, school, university, college, tutor, tutoring, quiz, curriculum, thesis, dissertation, maths, math, algebra, geometry, calculus, trigonometry, arithmetic, fraction, equation, theorem, multiplication, long division, grammar, vocabulary, spelling, verb, noun, tense, adjective, scholarship, worksheet, classroom, professor, lecture, semester, degree, bachelor, master\'s, phd, gpa, flashcard, flash card, revision, textbook, syllabus, kindergarten, homeschool*, pupil, learner, learning, dyslexia, phonics, reading comprehension, chemistry, physics, biology class, biology, photosynthesis, mitosis, periodic table, world war, revolution, emperor, ancient, medieval, civics, geography, planets, literature, shakespeare, cite, citation, bibliography, apa, mla, rubric, grading, practice problem, multiple choice, explain like, year old, grader, grade, ielts, toefl, sat, entrance exam, enrol*, tuition, campus, internship credit, conjugat*, pronunciation, translate, french, spanish, german, latin, korean, portuguese, science fair, lab report, book report, how many more, how many total, how many apples, twice as many, times as many, half as many, in total, altogether, how much did, how many did, how many does, how much does he, how much does she, how many are left, how much will, how many will, how many hours, how many minutes, how many days, how many miles, how old, how many pages, how many people',
    medium: 'class, learn, teach, taught, memorise, memorize, remember, concept, explain, summarise, summarize, chapter, question, answer, practice, subject, course, project, paper, history, science, percent of, formula, calculate, solve, prove, ratio, area, volume, angle, triangle, slope, statistics, define, meaning of, difference between, timeline, kids, kid, children, reading, writing assignment, how many, twice, each, remaining, left over, per day, per week, per hour, dozen, total',
    weak: 'word, book, number, simple, step by step, understand, topic, due, example, language, hours, many, times, half, more than',
  },
  character: { anticipation: 0.6, surprise: 0.6, joy: 0.5, trust: 0.5, fear: 0.5, sadness: 0.4, anger: 0.3, disgust: 0.3 },
  examples: utterances(`
Help me with my maths homework
Explain photosynthesis simply
Plan my revision for finals
How do I write a good essay introduction?
Quiz me on capital cities
Make a lesson plan about volcanoes
Solve this equation with me step by step
How can I remember new vocabulary?
Check the grammar in my answer
Which degree should I choose?
Teach me the basics of statistics
My child struggles with reading
How do I cite a book?
Practice questions on fractions
Summarise this chapter for my class
How do I study without getting distracted?
Explain Newton's second law
What is the past tense of this verb?
Prepare me for an oral exam
Make a worksheet for third graders
How does grading on a curve work?
Who was the first emperor of Rome?
Ways to keep students engaged
I need a topic for my term paper
How do I apply for a scholarship?
Tom has 12 apples and buys twice as many, how many does he have in total?
A train travels 60 miles in 2 hours, how far does it go in 5 hours?
Each box holds 24 pencils, how many pencils are in 7 boxes?
Sara saved half of her weekly pay for six weeks. How much did she save altogether?
What is the difference between a simile and a metaphor for my English class?
How do I prepare for a university entrance exam?
Explain the causes of the French Revolution
My pupils find long division hard
What does osmosis mean in biology?
Conjugate this Spanish verb for me
Tom has 12 marbles. He gives 4 to Anna and buys twice as many as he has left. How many marbles does Tom have now?
A bakery sells muffins for $2 each and cookies for $1 each. If Mia buys 3 muffins and 5 cookies, how much does she pay?
Lena earns $15 an hour and works 6 hours a day for 5 days. How much money does she make in a week?
A train travels 60 miles per hour. How far does it go in 4 and a half hours?
There are 24 students in a class and one third of them play soccer. How many do not play soccer?
Paul is 5 years older than twice his sister's age. If his sister is 9, how old is Paul?
A farmer has 8 hens that lay 5 eggs a week each. If he sells the eggs for $3 a dozen, how much does he earn in 3 weeks?
Sara read 40 pages on Monday and half as many on Tuesday. The book has 150 pages. How many pages does she still have to read?
A tank holds 200 liters. It loses 10% of its water every day. How much water is left after two days?
Jack ran 3 times as many miles as Ben, who ran 2 miles less than Carl. If Carl ran 7 miles, how many miles did they run altogether?
A shirt costs $40 and is on sale for 25% off. What is the final price?
Each box holds 6 pencils and each pencil costs 20 cents. How much do 9 boxes cost?
Nina baked 5 trays of 12 cupcakes, gave away 18 and sold the rest at $2 each. How much money did she get?
It takes 4 painters 6 hours to paint a house. How long would 3 painters take?
The sum of three consecutive even numbers is 48. What is the largest?
If a car uses 8 gallons for 240 miles, how many gallons does it need for 420 miles?
The perimeter of a rectangle is 36 cm and its length is twice its width. Find the area.
Grandpa has $100. He spends a quarter on groceries, $20 on gas and splits the rest equally between two grandchildren. How much does each get?
Simplify 3(x + 4) - 2x
Find the derivative of x squared times sine x
What is the probability of drawing two aces from a deck?
Prove that the square root of 2 is irrational
Convert 7/8 to a decimal
What is the slope of the line through (1, 2) and (4, 8)?
How many prime numbers are there below 100?
Let G be a group of order 15. Which of the following must be true?
Which of the following best describes the causes of the First World War?
According to the passage, the author's attitude toward the settlers is best described as
Which literary device does the poet use in the second stanza?
The Treaty of Versailles required Germany to
What was the significance of the Magna Carta?
Which planet is closest to the sun?
What kind of rock forms when lava cools?
Which of these is a producer in a food chain?
A student drops a ball from a height of 10 meters. How long does it take to reach the ground?
Which of the following is an example of a chemical change?
What gas do plants take in during photosynthesis?
Balance the equation: Fe + O2 -> Fe2O3
Why does the moon have phases? I have to explain it in class.
Newton's second law states that
What is the difference between mitosis and meiosis?
The atomic number of an element equals its number of
How do tectonic plates cause earthquakes?
Which amendment to the constitution protects freedom of speech?
Explain supply and demand to my tenth graders
Immanuel Kant's categorical imperative, summarised for a philosophy class
What are the main themes of Macbeth?
Compare the characters of Jane Eyre and Mr Rochester for my literature essay
Outline an argumentative essay about school uniforms
How do I write a thesis statement?
Is it 'who' or 'whom' in this sentence?
When do I use the subjunctive in Spanish?
What's the difference between 'since' and 'for' in English?
How do you say 'I would have gone' in French?
Ten new German words a day, is that a good pace?
tips for memorising the periodic table
help i have a chem test tmrw and understand nothing
whats the quadratic formula again
need 3 sources for my history paper
got a C in bio, can i still get into nursing school
Quiz me on the causes of the civil war
Explain fractions to a nine year old
Make flashcards on the parts of a cell
Give me ten practice problems on percentages
Create a rubric for a science fair project
Ideas for teaching long division to struggling pupils
How can I keep a class of thirty teenagers quiet?
My daughter gets nervous before exams, how can she prepare?
My son is in second grade and can't read fluently yet
What should I write in a personal statement for university?
Which subjects do I need to study medicine?
Should I do a PhD or go straight to industry?
How should I cite a website in Chicago style?
My supervisor wants major revisions of my dissertation
Is it acceptable to email a professor about a grade?
How do journals choose peer reviewers?
Which online course is best for beginners in statistics?
How do I take better notes in lectures?
Make me a revision timetable for my finals
I keep procrastinating instead of studying
What is spaced repetition?
Homeschool plan for a curious six-year-old
Best age to start learning an instrument at school
Differentiation strategies in a mixed-ability classroom
How do I support a pupil with dyslexia?
Learning objectives for a unit on ancient Egypt
The difference between formative and summative assessment
Piaget's stages of development for my teaching exam
Why is learning through play important in kindergarten?
Student loan forgiveness aside, which college is right for me?
Explain what a logarithm is and why anyone would need it
What happened in the French Revolution, in five sentences?
Teach me how to code switch between past tenses in Italian
Help my kid learn the times tables
Summarise chapter three of my textbook
Proofread my homework essay
The median of 3, 7, 8, 12 and 20
Name the capital cities of South America for my geography quiz
Correct my English sentences please
Our school board wants a new curriculum for maths
Field trip ideas for a biology class
Which verb form is right: 'if I was' or 'if I were'?
What is the plural of phenomenon?
Turn this sentence into the passive voice for my grammar exercise
Why do you flip the fraction when dividing?
How do I explain negative numbers to a ten-year-old?
Reading list for a twelve-year-old who loves adventure
How does the government pass a law? My civics class
Climate zones of the earth, for a geography poster
Diagram of the water cycle for third grade
What is the difference between weather and climate? It's for school.
A rope is cut into three pieces so that each is twice as long as the one before
Maria saves $3 every day. After 20 days she buys a toy for $25. How much has she left?
How many minutes are there in a week? Show the calculation.
If 3/5 of a number is 27, what is the number?
How many handshakes happen if 10 people shake hands once?
Which best explains why the sky is blue?
Objects fall at the same rate in a vacuum because
What type of energy does a stretched spring have?
Which part of a plant absorbs water?
What is an ionic bond?
The main idea of the paragraph is
Which event ended the Cold War?
The ancient Greeks' idea of democracy
What does osmosis mean, for a biology quiz
Read the sentence and choose the correct word
How do schools help pupils with special needs?
Motivating students who have given up on maths
How do I become a teacher?
Is boarding school good for a shy child?
My lecturer marked my paper unfairly, can I appeal?
How do I prepare for the IELTS speaking test?
SAT or ACT?
What's a good GPA for law school?
Which textbook do you recommend for linear algebra?
Explain the pythagorean theorem like I'm five
How do I learn Japanese characters quickly?
Give me a short lesson on the Roman Empire
What's the point of learning Latin today?
`),
};
