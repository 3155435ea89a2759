// A dictionary that completes words. Init reads the word list and builds a minimal automaton of all
// words with all their endings (equal tails are shared), which takes most of the start-up of a module
// that then answers in microseconds.
//
// In: `dictionary_input` points to a buffer for a prefix. Out: `dictionary_complete(length, index)`
// leaves the index-th word with this prefix there, in alphabetic order, and returns its length or 0.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <wasm-preinit.h>

#include "words.h"

#define EXPORT(name) __attribute__((export_name(#name)))

enum { LETTERS = 26, MAX_NODES = 60000, HASH_SLOTS = 1 << 17, MAX_WORD = 64, MAX_WORDS = 40000 };

// While init builds.
typedef struct {
  uint16_t next[LETTERS]; // 0 is none: node 0 is the one without words
  uint8_t ends;
  uint32_t words; // how many words can be finished from here
  uint32_t packed;
} Node;

static Node *nodes; // those that are final
static uint32_t node_count = 1;
static char *texts; // all words with their endings, each of MAX_WORD bytes
static uint32_t text_count;

// What stays: a node is words << 6 | ends << 5 | number of edges, and an edge letter << 24 | node. A snapshot is as
// large as what is not zero in it, and starts faster where that is dense.
static uint32_t *automaton;
static uint32_t root;
static char buffer[MAX_WORD];

static void add_text(const char *stem, size_t length, const char *ending) {
  if (length + strlen(ending) >= MAX_WORD || text_count == MAX_WORDS) return;
  char *text = texts + (size_t)text_count++ * MAX_WORD;
  memcpy(text, stem, length);
  strcpy(text + length, ending);
}

// "word/endings": each ending is joined to the word; one that starts with `-` replaces its last letter.
static void read_entry(const char *entry, size_t length) {
  const char *slash = memchr(entry, '/', length);
  const size_t stem = slash ? (size_t)(slash - entry) : length;
  add_text(entry, stem, "");
  for (const char *at = slash; at && at < entry + length;) {
    const char *start = ++at;
    while (at < entry + length && *at != '/') at++;
    char ending[MAX_WORD] = {0};
    const int replaces = *start == '-';
    memcpy(ending, start + replaces, (size_t)(at - start - replaces));
    add_text(entry, stem - (size_t)replaces, ending);
  }
}

static int in_order(const void *left, const void *right) { return strcmp(left, right); }

static uint32_t hash_of(const Node *node) {
  uint32_t hash = 2166136261u ^ node->ends;
  for (int letter = 0; letter < LETTERS; letter++) hash = (hash ^ node->next[letter]) * 16777619u;
  return hash ^ hash >> 15;
}

static int same(const Node *left, const Node *right) {
  return left->ends == right->ends && !memcmp(left->next, right->next, sizeof left->next);
}

// The node that is equal to this one, which becomes final when there is none.
static uint16_t intern(uint16_t *slots, const Node *node) {
  uint32_t slot = hash_of(node) % HASH_SLOTS;
  for (; slots[slot]; slot = (slot + 1) % HASH_SLOTS)
    if (same(&nodes[slots[slot]], node)) return slots[slot];
  nodes[node_count] = *node;
  nodes[node_count].words = node->ends;
  for (int letter = 0; letter < LETTERS; letter++)
    nodes[node_count].words += nodes[node->next[letter]].words;
  return slots[slot] = (uint16_t)node_count++;
}

static void pack(void) {
  uint32_t size = 0;
  for (uint32_t node = 0; node < node_count; node++) {
    nodes[node].packed = size++;
    for (int letter = 0; letter < LETTERS; letter++) size += nodes[node].next[letter] != 0;
  }
  uint32_t *at = automaton = malloc(size * sizeof *automaton);
  if (!at) abort();
  for (uint32_t node = 0; node < node_count; node++) {
    uint32_t *head = at++;
    for (uint32_t letter = 0; letter < LETTERS; letter++)
      if (nodes[node].next[letter]) *at++ = letter << 24 | nodes[nodes[node].next[letter]].packed;
    *head = nodes[node].words << 6 | (uint32_t)nodes[node].ends << 5 | (uint32_t)(at - head - 1);
  }
}

// Frees what only init needs. Zeros are not part of the output; a `memset` would not do, as compilers
// leave out stores to memory that is about to be freed.
static void wipe(void *memory, size_t size) {
  explicit_bzero(memory, size);
  free(memory);
}

static void build(void) {
  texts = malloc((size_t)MAX_WORDS * MAX_WORD);
  nodes = calloc(MAX_NODES, sizeof *nodes);
  uint16_t *slots = calloc(HASH_SLOTS, sizeof *slots);
  Node *path = calloc(MAX_WORD, sizeof *path); // of the word that is being added
  if (!texts || !nodes || !slots || !path) abort();

  for (const char *at = WORDS; *at;) {
    const size_t length = strcspn(at, "\n ");
    if (length) read_entry(at, length);
    at += length + (at[length] != 0);
  }
  qsort(texts, text_count, MAX_WORD, in_order);

  // Words come in order: what the last one does not share with the next is final.
  const char *last = "";
  for (uint32_t index = 0; index <= text_count; index++) {
    const char *word = index < text_count ? texts + (size_t)index * MAX_WORD : "";
    size_t shared = 0;
    while (word[shared] && word[shared] == last[shared]) shared++;
    for (size_t depth = strlen(last); depth > shared; depth--)
      path[depth - 1].next[last[depth - 1] - 'a'] = intern(slots, &path[depth]);
    for (size_t depth = shared; word[depth]; depth++) path[depth + 1] = (Node){0};
    path[strlen(word)].ends |= *word != 0;
    last = word;
  }
  root = intern(slots, &path[0]);
  pack();
  root = nodes[root].packed;

  wipe(texts, (size_t)MAX_WORDS * MAX_WORD);
  wipe(nodes, MAX_NODES * sizeof *nodes);
  wipe(slots, HASH_SLOTS * sizeof *slots);
  wipe(path, MAX_WORD * sizeof *path);
}

WASM_PREINIT_INIT(build);

static uint32_t words_from(uint32_t node) { return automaton[node] >> 6; }
static uint32_t ends_at(uint32_t node) { return automaton[node] >> 5 & 1; }
static uint32_t edges_of(uint32_t node) { return automaton[node] & 31; }

// The node after a prefix; 0 where no word has it.
static uint32_t find(uint32_t length) {
  uint32_t node = root;
  for (uint32_t at = 0; node && at < length; at++) {
    const uint32_t *edge = &automaton[node + 1], *last = edge + edges_of(node);
    while (edge < last && *edge >> 24 != (uint32_t)buffer[at] - 'a') edge++;
    node = edge < last ? *edge & 0xffffff : 0;
  }
  return node;
}

EXPORT(dictionary_input) char *dictionary_input(void) { return buffer; }

EXPORT(dictionary_count) uint32_t dictionary_count(uint32_t length) {
  return length < MAX_WORD ? words_from(find(length)) : 0;
}

EXPORT(dictionary_complete) uint32_t dictionary_complete(uint32_t length, uint32_t index) {
  if (index >= dictionary_count(length)) return 0;
  uint32_t node = find(length);
  for (;;) {
    if (ends_at(node) && index-- == 0) return length;
    const uint32_t *edge = &automaton[node + 1];
    for (; index >= words_from(*edge & 0xffffff); edge++) index -= words_from(*edge & 0xffffff);
    buffer[length++] = (char)('a' + (*edge >> 24));
    node = *edge & 0xffffff;
  }
}
