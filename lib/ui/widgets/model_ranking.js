// Ranking and grouping of models for a typed query. Pure functions over
// { id, name, vendor, note }, in the order of the list.

const UNLISTED = { name: "", vendor: "", input: "", output: "", context: "", capabilities: "", note: "" };
const normalize = (text) => text.normalize("NFKC").toLowerCase().trim();
// Gateways write claude-sonnet-4.5, claude_sonnet_4_5 and claude-sonnet-4-5.
const unify = (text) => normalize(text).replace(/[-._:\s]+/g, "-");
const squash = (text) => normalize(text).replace(/[^\p{L}\p{N}]+/gu, "");
const isWordStart = (text, index) => {
  const [before, first] = [text[index - 1], text[index]];
  return !before || !/[\p{L}\p{N}]/u.test(before) || (/\p{L}/u.test(before) && /\p{N}/u.test(first));
};
const startsWord = (text, word) => {
  for (let index = text.indexOf(word); index >= 0; index = text.indexOf(word, index + 1))
    if (isWordStart(text, index)) return true;
  return false;
};

const searchTexts = new WeakMap();
function searchText(model) {
  let found = searchTexts.get(model);
  if (!found) {
    const id = unify(model.id);
    found = {
      exact: [normalize(model.id), normalize(model.name)],
      names: [id, id.slice(id.lastIndexOf("/") + 1), unify(model.name)],
      all: unify(`${model.id} ${model.name} ${model.vendor}`),
      squashed: squash(model.id),
    };
    searchTexts.set(model, found);
  }
  return found;
}

// 0 exact id or name · 1 the same without its folder or with other separators · 2 prefix · 3 each word starts a word
// · 4 each word is contained · 5 contained when separators are ignored · Infinity no match.
export function scoreModel(model, query) {
  const { exact, names, all, squashed } = searchText(model);
  const [text, unified] = [normalize(query), unify(query)];
  const words = text.split(/\s+/).map(unify).filter((word) => word && word !== "-");
  if (exact.includes(text)) return 0;
  if (names.includes(unified)) return 1;
  if (names.some((name) => unified && name.startsWith(unified))) return 2;
  if (words.length && words.every((word) => startsWord(all, word))) return 3;
  if (words.length && words.every((word) => all.includes(word))) return 4;
  return squash(query) && squashed.includes(squash(query)) ? 5 : Infinity;
}

// The matching models, the best first. At the same score: favourites, models used last, models that stay, short ids.
export function rankModels(models, query, favourites, recent) {
  const place = (list, model) => (list.includes(model.id) ? list.indexOf(model.id) : list.length);
  return models
    .map((model, index) => ({
      model,
      rank: [
        scoreModel(model, query),
        place(favourites, model),
        place(recent, model),
        Number(Boolean(model.note)),
        model.id.length,
        index,
      ],
    }))
    .filter(({ rank }) => rank[0] < Infinity)
    .sort((one, other) => {
      const differing = one.rank.findIndex((value, index) => value !== other.rank[index]);
      return differing < 0 ? 0 : one.rank[differing] - other.rank[differing];
    })
    .map(({ model }) => model);
}

// Groups with headings: the selected model, favourites, recent models and vendors without a query; with one, the vendor
// of the best match first. `current`, the selected id, has a place also when the list does not have it.
export function groupModels(models, query, { favourites, recent, current, titles }) {
  const byId = new Map(models.map((model) => [model.id, model]));
  const find = (id) => byId.get(id) ?? { ...UNLISTED, id };
  const unlisted = [...new Set([current, ...favourites, ...recent])].filter((id) => id && !byId.has(id)).map(find);
  const groups = new Map();
  const add = (vendor, model) => (groups.has(vendor) ? groups.get(vendor).push(model) : groups.set(vendor, [model]));
  if (query.trim()) {
    for (const model of rankModels([...models, ...unlisted], query, favourites, recent)) add(model.vendor, model);
    return [...groups].map(([vendor, found]) => ({ title: vendor || titles.other, models: found }));
  }
  const used = new Set();
  const take = (title, ids) => {
    const taken = ids.filter((id) => id && !used.has(id));
    taken.forEach((id) => used.add(id));
    return taken.length ? [{ title, models: taken.map(find) }] : [];
  };
  const first = [
    ...take(titles.current, [...favourites, ...recent].includes(current) ? [] : [current]),
    ...take(titles.favourites, favourites),
    ...take(titles.recent, recent),
  ];
  for (const model of models) if (!used.has(model.id)) add(model.vendor, model);
  return [...first, ...[...groups].map(([vendor, found]) => ({ title: vendor || titles.other, models: found }))];
}
