// What the scripts of all clients share.

/** The global fetch; notes the status of every answer in "statuses" and tells the test of it. */
export const watched = (order, statuses) => async (url, init) => {
  const response = await fetch(url, init);
  statuses.push(response.status);
  order.event(`${response.status}`);
  return response;
};

/** What a call throws, as "described" puts it, with the statuses of all its attempts; null when it throws nothing. */
export async function failure(order, described, call) {
  const statuses = [];
  try {
    await call(statuses);
    return null;
  } catch (error) {
    return { ...described(error), statuses };
  }
}

/** Several callers ask without a pause, until each has got "count" answers of another version than the first answer's. Gives all answers. */
export async function untilSwapped(order, answer, count = 3) {
  const answers = [];
  const first = await answer();
  answers.push(first);
  const caller = async () => {
    for (let later = 0; later < count;) {
      const next = await answer();
      answers.push(next);
      later += next.model === first.model ? 0 : 1;
      order.event('answer');
    }
  };
  await Promise.all([caller(), caller(), caller(), caller()]);
  return answers;
}
