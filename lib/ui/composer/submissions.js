// Questions on their way: each is submitted with an idempotency key, which the server returns once it has stored or
// refused it. An idle page without that result submits the question again, under the same key.
const LOOK_INTERVAL = 200; // ms
// An idle page submits again after one of these: shorter if a run has ended or the connection was lost meanwhile.
const SUBMIT_AGAIN_AFTER = { run: 400, noRun: 4000 }, GIVE_UP_AFTER = { run: 4000, noRun: 15000 }; // ms
const MAX_SUBMISSIONS = 2; // in one session of the server
const MAX_QUESTION_AGE = 300000, FOREIGN_TAB_AGE = 10000, NOTICE_AFTER = 1500, NOTICE_LENGTH = 80; // ms, characters
let lookTimer = 0;

// Questions that the server has not confirmed yet, by key, oldest first.
const questions = new Map();
const questionStore = (question) => storeOf(question.slot);
const keepQuestion = (question) => {
  questions.set(question.key, question);
  const { key, user, slot, text, files, at } = question;
  questionStore(question).set(QUESTION_PREFIX + key, JSON.stringify({ key, user, slot, text, files, at, tab }));
};
const forgetQuestion = (question) => {
  questions.delete(question.key);
  questionStore(question).remove(QUESTION_PREFIX + question.key);
};
const openQuestions = () =>
  [...questions.values()].filter((question) => page && question.user === page.user && question.slot === page.slot);

const fileNames = ({ files }) => (files ?? []).map(({ name }) => name).join(", ");
const isTooOld = (question) => Date.now() - question.at > MAX_QUESTION_AGE;
const returned = new Map(); // texts of questions that were given back to the input, by key

const returnQuestion = (question) => {
  forgetQuestion(question);
  if (sent?.key === question.key) removeSentQuestion();
  returned.set(question.key, question.text);
  window.antlerTray?.giveBack(question.user, question.slot, question.files);
  if (current?.user === question.user && current.slot === question.slot && box) {
    setText(join(question.text, current.text));
    saveDraft();
  } else addToDraft(question.user, question.slot, question.text);
};

const submitQuestions = (counted) => {
  openQuestions().filter(isTooOld).reverse().forEach(returnQuestion);
  const open = openQuestions();
  if (!open.length) return;
  for (const question of open) Object.assign(question, { submittedAt: Date.now(), hasRun: false });
  for (const question of counted) question.count += 1;
  // All of them each time: of two events that arrive together, Streamlit keeps the last one.
  page.setTriggerValue("questions", open.map(({ key, slot, text, files }) => ({ key, slot, text, files: files ?? [] })));
  startLooking();
};

// Without its tray, a question would miss the files that were attached to it.
const isTrayReady = () => !page.attaches || Boolean(window.antlerTray);
const isReady = (element) => Boolean(page && current && element === box && isTrayReady());

const sendText = (text, files = []) => {
  const { user, slot } = current;
  const question = { key: createKey(), user, slot, text, files, at: Date.now(), count: 0 };
  keepQuestion(question);
  current.sent.add(question.key);
  beforeNavigation = null;
  showSentQuestion(question);
  submitQuestions([question]);
};

const submit = (element) => {
  const tray = window.antlerTray;
  if (!isReady(element)) return false;
  // A question is never sent without the files that were attached to it.
  if (tray?.waits(current.slot, () => box && submit(box))) return true;
  if (!element.value && !tray?.hasFiles()) return false;
  const text = element.value;
  setText("");
  saveDraft();
  sendText(text, tray?.take());
  return true;
};

// What the user has sent before this script was ready, in the order in which it was sent.
const sendHeld = () => {
  const texts = window.antlerHeld?.texts;
  if (!texts?.length || !page || !current || !isTrayReady() || window.antlerTray?.waits(current.slot, sendHeld)) return;
  texts.splice(0).forEach((text) => sendText(text, window.antlerTray?.take()));
};
if (window.antlerHeld) window.antlerHeld.isReady = (element) => isReady(element);

const showNotice = () => {
  const late = openQuestions().filter((question) => Date.now() - question.at > NOTICE_AFTER);
  const text = late.map((question) => question.text.trim().replace(/\s+/g, " ") || fileNames(question)).join(" · ");
  const shown = text && `${page.sending} ${text.length > NOTICE_LENGTH ? `${text.slice(0, NOTICE_LENGTH)}…` : text}`;
  page.notice.textContent = shown;
  page.notice.hidden = !shown;
};

// Submit again, or give the question back to the input, when the page is idle and has no result for it.
const look = () => {
  const open = openQuestions();
  if (!open.length) {
    clearInterval(lookTimer);
    lookTimer = 0;
  }
  if (!page || isComposing) return;
  showNotice();
  const state = document.querySelector('[data-testid="stApp"]')?.dataset ?? {};
  const isConnected = state.testConnectionState === "CONNECTED";
  const isIdle = isConnected && state.testScriptState === "notRunning";
  for (const question of open) {
    if (!isConnected) question.count = Math.min(question.count, MAX_SUBMISSIONS - 1);
    if (!isIdle) Object.assign(question, { hasRun: true, idleSince: 0 });
    else question.idleSince ||= Date.now();
  }
  const isLast = (question) => question.count >= MAX_SUBMISSIONS;
  const isOverdue = (question) => {
    const limit = (isLast(question) ? GIVE_UP_AFTER : SUBMIT_AGAIN_AFTER)[question.hasRun ? "run" : "noRun"];
    return isIdle && Date.now() - Math.max(question.idleSince, question.submittedAt) > limit;
  };
  const overdue = open.filter(isOverdue);
  overdue.filter(isLast).reverse().forEach(returnQuestion);
  const again = overdue.filter((question) => !isLast(question));
  if (again.length) submitQuestions(again);
};
const startLooking = () => { lookTimer ||= setInterval(look, LOOK_INTERVAL); };

const takeResults = () => {
  let isConfirmed = false;
  for (const [key, outcome, slot] of page.results) {
    const question = questions.get(key);
    if (!question) {
      if (outcome === "stored" && returned.has(key) && returned.get(key) === current.text) setText("");
      returned.delete(key);
      continue;
    }
    isConfirmed = true;
    if (outcome === "stored") {
      forgetQuestion(question);
      if (sent?.key === key) sent.isStored = true;
      // What was sent after it in the new chat follows it.
      if (isNewChat(question.slot) && slot === page.slot) followQuestion(question.slot, slot);
    } else returnQuestion(question);
  }
  return isConfirmed;
};
const moveQuestion = (question, slot) => {
  forgetQuestion(question);
  keepQuestion({ ...question, slot });
};
const followQuestion = (newChat, slot) => {
  for (const question of [...questions.values()])
    if (question.user === page.user && question.slot === newChat && current?.sent.has(question.key)) moveQuestion(question, slot);
};

// Questions that a page has left behind: this one before its reload, or one that was closed or has crashed.
const adoptQuestions = () => {
  if (!page || !current) return;
  const found = [shared, ofTab].flatMap((store) =>
    store.keys(QUESTION_PREFIX).map((key) => parse(store.get(key)) ?? { key: key.slice(QUESTION_PREFIX.length), user: page.user }));
  for (const question of found.filter(({ key, user }) => user === page.user && !questions.has(key))) {
    const age = Date.now() - question.at;
    if (typeof question.text !== "string" || !(age < MAX_AGE)) forgetQuestion(question);
    else if (question.tab !== tab && age < FOREIGN_TAB_AGE) setTimeout(adoptQuestions, FOREIGN_TAB_AGE);
    else if (isTooOld(question)) returnQuestion(question);
    else {
      keepQuestion({ ...question, count: MAX_SUBMISSIONS - 1, hasRun: true, submittedAt: 0 });
      current.sent.add(question.key);
    }
  }
};
