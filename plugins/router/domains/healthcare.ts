/** Symptoms, treatment, care of body and mind. Data only. */

import { utterances, type DomainData } from './types.js';

export const healthcare: DomainData = {
  name: 'healthcare',
  description: 'symptoms, treatment, care of body and mind',
  keywords: {
    strong: 'symptom, diagnos*, disease, disorder, syndrome, treatment, treat, therapy, therapist, counsel*, medicine, medication, medical, doctor, nurse, patient, hospital, clinic, surgery, surgeon, vaccin*, prescription, dosage, dose, antibiotic, painkiller, fever, cough, rash, allerg*, asthma, diabet*, cancer, tumor, tumour, stroke, heart attack, blood pressure, blood sugar, blood test, cholesterol, pregnan*, migraine, headache, nausea, vomit*, infection, inflammation, injury, fracture, sprain, wound, burn, stitches, bleeding, chest pain, side effect, physiotherap*, physical therapy, pediatric*, paediatric*, cardio*, dermatolog*, neurolog*, psychiatr*, psycholog*, anxiety, depress*, panic attack, insomnia, ptsd, trauma, bipolar, autism, adhd, ocd, suicid*, self-harm, overdose, addict*, rehab, withdrawal, eating disorder, anorexia, bulimia, grief, *itis, *osis, *emia, *aemia, *oma, *pathy, *trophy, *ectomy, *plegia, hereditary, congenital, genetic condition, deficiency, chronic, dementia, alzheimer, parkinson, epilepsy, seizure, symptomatic, ultrasound, mri, x-ray, ambulance, emergency room, medical emergency, midwife, dentist, tooth, toothache, gum, caregiver, palliative, hospice, vitamin, supplement, ibuprofen, paracetamol, insulin, inhaler, hormone, steroid, thyroid, artery, vein, muscle, tendon, spine, kidney, liver, lung, bowel, bladder, stomach, abdomen, skin, eczema, acne, swollen, swelling, itchy, dizzy, dizziness, numb, fainted, sore throat, cold and flu, flu, pneumonia, covid, virus infection, immune, nutrition, metaboli*, anatomy, physiolog*, clinical',
    medium: 'pain, painful, ache, hurt, sick, ill, illness, health, healthy, mental health, diet, calorie, weight loss, sleep, tired all, fatigue, stress, stressed, blood, heart, brain, chest, knee, ankle, shoulder, wrist, neck, ear, eye, nose, throat, breath*, pulse, pill, tablet, ointment, bandage, heal, recover, recovery, relationship, marriage, married, boyfriend, girlfriend, husband, wife, divorce, cheat, abuse, abusive, intimate, intimacy, emotional*, self-esteem, lonely, crying, cope, coping, anger issue, nightmare, sex, sexual, gender, transgender, alcohol, drinking, smoke, smoking, baby, infant, newborn, toddler, menopause, period pain, birth control, contracept*, exercise, stretch, carer, dying, age-related, risk of, carry gene, cell, bone, protein, endurance',
    weak: 'feel, feeling, worried, worry, scared, my mom, my mum, my dad, parent, friend, trust, love, hate, temperature, drink, appetite, body, elderly, mother, father, daughter, son, safe',
  },
  character: { fear: 0.9, sadness: 0.9, anger: 0.5, disgust: 0.5, trust: 0.5, joy: 0.3, surprise: 0.4, anticipation: 0.4 },
  examples: utterances(`
What are the symptoms of strep throat?
I have a fever that won't go down
Explain my blood test results
Can I mix these two medicines?
How do I treat a minor burn?
When should I see a doctor about a headache?
What side effects does this tablet have?
My back hurts after lifting boxes
Is this rash something serious?
How do I lower my cholesterol?
What vaccines does a baby need?
Tips for managing type 2 diabetes
I can't sleep and feel anxious
How long does a broken wrist take to heal?
What happens during an ultrasound scan?
Foods to avoid while pregnant
My child is coughing at night
What is a normal heart rate?
How do I care for stitches after surgery?
Should I be worried about chest tightness?
What does this diagnosis mean?
Find out whether my allergy is getting worse
How can I support a parent with dementia?
Exercises for a stiff shoulder
Is this dose right for my weight?
I twisted my ankle, should I ice it?
How is pneumonia diagnosed?
What causes kidney stones?
I've been feeling anxious and can't stop worrying
My marriage is falling apart and I feel so alone
How do I stop a nosebleed?
I think I am depressed, who can help me?
My father has chest pain and trouble breathing
Is it safe to take ibuprofen every day?
How do I get over a breakup that broke me?
My teenage daughter has panic attacks
What are the symptoms of rheumatoid arthritis?
What causes Huntington disease and can it be prevented?
What are the treatments for sickle cell anemia?
How is cystinosis diagnosed?
Is Marfan syndrome inherited from one parent or both?
How many people have hemophilia A?
Which genetic changes are linked to familial breast cancer?
What is the outlook for someone with multiple system atrophy?
What research is being done on narcolepsy?
What is Crohn's disease?
Who is at risk for gestational diabetes?
How to diagnose chronic kidney disease?
Do you have information about childhood obesity?
How can I prevent a second stroke?
What are the complications of untreated celiac disease?
A 52-year-old man comes to the emergency department with crushing chest pain radiating to the left arm. Which of the following is the most likely diagnosis?
A 6-month-old infant is brought to the clinic with fever, vomiting and a bulging fontanelle. What is the most appropriate next step?
A 33-year-old pregnant woman has a blood pressure of 160/110 mm Hg and protein in her urine. Which drug is contraindicated?
A patient with type 1 diabetes presents with polyuria, confusion and fruity breath. What does the laboratory show?
Which cranial nerve supplies the muscles of facial expression?
The mitral valve lies between which two chambers of the heart?
Which vitamin deficiency causes scurvy?
The sodium-potassium pump of a cell membrane moves
Which enzyme is deficient in phenylketonuria?
Which of the following viruses is transmitted by mosquitoes?
The incubation period of measles is usually
How does HIV enter a T cell?
The bones of the wrist include all of the following except
During embryonic development the neural tube forms from
Muscle glycogen is depleted most quickly in which kind of training?
How long should a nurse wait before reinserting a urinary catheter?
When giving an intramuscular injection, which site should be avoided in infants?
Which protein carries oxygen in red blood cells?
Which amino acid is a precursor of serotonin?
What share of daily energy should come from fat according to dietary guidelines?
The randomised trial compared a new vaccine with placebo; what is the relative risk reduction?
Which ethical principle requires a physician to obtain informed consent?
Antibiotic resistance in bacteria spreads mainly through
Sexually transmitted infections can be prevented by
Which part of the brain controls balance and coordination?
In an autosomal recessive disorder, the chance that two carriers have an affected child is
Why does dialysis make me so tired?
doc said my a1c is 7.2, how bad is that
my throat's killing me and theres white spots at the back
can u take paracetamol and naproxen together
weird rash on my elbows that itches like crazy at night
threw up twice after dinner, my stomach cramps wont stop
I've been having migraines with flashing lights since I changed my contraceptive pill.
My mother was diagnosed with stage two breast cancer yesterday and I don't know what to ask her oncologist.
Hello doctor, I am 24 years old and my periods have been irregular for five months. I also have hair loss and weight gain. Please suggest treatment.
My two year old has had a high fever since last night and refuses to drink anything.
How much water should an elderly person drink in hot weather?
Is it safe to exercise with a slipped disc?
What are the side effects of metformin?
What does a raised white blood cell count mean?
How do I treat a burn from boiling water at home?
Someone is choking, what should I do first?
He fainted and now he isn't breathing
Can anxiety make your hands tingle?
I think I am depressed. I can't get out of bed and nothing gives me pleasure.
How do I find a therapist who works with teenagers?
What is cognitive behavioral therapy and does it help with panic attacks?
I keep having flashbacks of the accident and I can't sleep.
My husband cheated on me and I don't know whether I can ever trust him again.
My boyfriend gets jealous whenever I go out and we fight all the time. How do we stop?
My wife and I argue about everything and she wants to separate. How can we save our marriage?
I can't stop thinking about my ex. How do I move on and get over the breakup?
My parents got divorced and I feel torn between them.
I feel lonely and worthless and I have no friends.
My son is eight and has screaming tantrums whenever he doesn't get his way. How can I help him?
My teenage daughter is cutting herself and won't talk to me.
I was abused as a child and I still feel ashamed.
My stepdad yells at me every day and I'm afraid to go home.
I am a transgender man and my family won't accept me.
How do I tell my parents that I'm gay?
I lose my temper with the people I love. How can I control my anger?
I think I have an addiction to pornography. Is there help?
My brother drinks every day and denies that he is an alcoholic.
I don't know who I am anymore or what I want from life.
I'm getting married soon but I have feelings for someone else.
I can't be intimate with my partner since the baby was born.
My best friend died last year and I can't stop crying.
How do I stop being so insecure about my body?
I worry all the time about things that will probably never happen.
I hear voices at night and nobody believes me.
Does counseling really work, or is it just talking?
My counselor wants to end our sessions. Is it normal to feel abandoned?
I don't feel attracted to my husband anymore. Is that normal?
My mother-in-law interferes with how we raise our kids and it causes fights.
My girlfriend won't talk about her feelings and shuts me out.
Why do I push away everyone who loves me?
I get nervous in crowds and my heart starts racing.
I had a miscarriage and my partner doesn't understand my grief.
How do I become less shy around people?
Should I go gluten free for my thyroid?
Best way to lower cholesterol without statins?
When can I drive again after knee surgery?
Knee pain when going down stairs
Is my grandfather's dementia getting worse or is it the new medication?
What vaccines does a newborn need?
Are hand tremors always a sign of Parkinson's?
How long does a broken collarbone take to heal?
Can I breastfeed while taking antidepressants?
What is a normal resting heart rate for a woman of 40?
Should a sprain be wrapped or left open?
Teeth whitening made my gums bleed
How do hospice nurses manage pain at the end of life?
Explain the difference between type 1 and type 2 diabetes
My insulin pump keeps alarming and my sugar is 300
What is the recommended dosage of amoxicillin for a child of 20 kg?
The triage protocol for chest injuries in an ambulance
Food allergies in toddlers: when to introduce peanuts
Why can't I express what I feel to anyone?
How can I learn to let go of the past?
How do I become a happier person?
I don't love myself and I compare myself to everybody.
I lie all the time and I can't stop. What's wrong with me?
Am I in an abusive relationship?
My sister found drugs in our father's car
I can't stop scrolling on my phone and it makes me miserable
I feel empty and stuck, nothing in my life changes
People judge me and it hurts. How do I stop caring?
I've been in love with my best friend for years and she doesn't know
He says he wants a break, but still calls me every night.
How can I deal with the death of my father?
I'm scared to be alone in the dark since I was little.
My three year old bites other children at day care
My daughter stopped speaking after we moved. Could she be autistic?
Is my therapist allowed to tell others what I say?
I was assaulted two years ago and can't bear to be touched.
I cross-dress in secret and I'm afraid of what people will think
Do I have ADHD or am I just lazy?
What is borderline personality disorder?
I had an argument with my stepfather and he threw me out
Which of the following conditions is inherited in an X-linked manner?
Which hormone is released by the pituitary gland?
Which of the following is a risk factor for osteoporosis?
The embryo's heart begins to beat during which week?
The first sound of the heart is caused by closure of
Red blood cells are produced in
The energy for a sprint of ten seconds comes mainly from
Slow twitch muscle fibres differ from fast twitch fibres in
Which of the following changes occur in the body with ageing?
DNA replication in eukaryotic cells begins at
A mutation that deletes one nucleotide causes
Which technique is used to detect a specific protein in a blot?
Natural selection acts on variation within a population of organisms. Which evidence from fossils of early humans supports this?
Hepatitis B is prevented by vaccination of newborns because
Screening of the population for a disease is worthwhile if
Which study design is best to find the causes of a rare disease?
What do public health officials mean by herd immunity?
The nurse should dispose of a used needle
When taking a patient's temperature by mouth you should first
How often should pressure areas be checked in a bedridden patient?
Vegetarians should pay attention to their intake of which nutrient?
Dietary fibre lowers the risk of which cancer?
How does the liver handle alcohol?
Which country has the highest prevalence of HIV?
I need an appointment with a dermatologist
contact lens prescription expired, eyes are sore
hearing in my left ear is muffled
Ultrasound showed a gallstone, do I need surgery?
What's the prognosis after a liver transplant?
Is Ehlers-Danlos syndrome genetic?
`),
};
