// A program with a costly init: a dictionary of made-up words, hashed, sorted and indexed by prefix.

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define WORDS 60000
#define BUCKETS 65536
#define LONGEST 12

typedef struct Word {
  struct Word *next;
  uint32_t hash;
  uint32_t rank;
  char text[LONGEST + 1];
} Word;

static Word *buckets[BUCKETS];
static Word *sorted[WORDS];
static uint32_t first_of_prefix[26 * 26 + 1];
static uint32_t seed = 20260101;

static uint32_t next_random(void) {
  seed ^= seed << 13;
  seed ^= seed >> 17;
  seed ^= seed << 5;
  return seed;
}

static uint32_t hash_of(const char *text) {
  uint32_t hash = 2166136261u;
  for (; *text; text++) hash = (hash ^ (uint8_t)*text) * 16777619u;
  return hash;
}

static Word *find(const char *text) {
  uint32_t hash = hash_of(text);
  for (Word *word = buckets[hash % BUCKETS]; word; word = word->next) {
    if (word->hash == hash && strcmp(word->text, text) == 0) return word;
  }
  return NULL;
}

static void make(char *text) {
  static const char consonants[] = "bcdfghjklmnpqrstvwxz", vowels[] = "aeiouy";
  int length = 4 + next_random() % (LONGEST - 3);
  for (int at = 0; at < length; at++) {
    text[at] = at % 2 ? vowels[next_random() % 6] : consonants[next_random() % 20];
  }
  text[length] = 0;
}

static int by_text(const void *left, const void *right) {
  return strcmp((*(Word *const *)left)->text, (*(Word *const *)right)->text);
}

__attribute__((export_name("wizer-initialize"))) void initialize(void) {
  for (uint32_t count = 0; count < WORDS;) {
    char text[LONGEST + 1];
    make(text);
    if (find(text)) continue;
    Word *word = malloc(sizeof(Word));
    strcpy(word->text, text);
    word->hash = hash_of(text);
    word->next = buckets[word->hash % BUCKETS];
    buckets[word->hash % BUCKETS] = word;
    sorted[count++] = word;
  }
  qsort(sorted, WORDS, sizeof(Word *), by_text);
  for (uint32_t rank = 0, prefix = 0; rank < WORDS; rank++) {
    sorted[rank]->rank = rank;
    const char *text = sorted[rank]->text;
    uint32_t own = (uint32_t)(text[0] - 'a') * 26 + (uint32_t)(text[1] - 'a');
    while (prefix <= own) first_of_prefix[prefix++] = rank;
  }
}

// The hash of the word at a rank, found again through its text.
__attribute__((export_name("hash_at"))) uint32_t hash_at(uint32_t rank) {
  Word *word = rank < WORDS ? find(sorted[rank]->text) : NULL;
  return word && word->rank == rank ? word->hash : 0;
}

// Adds a word, which makes the heap work on, and tells how many words begin as it does.
__attribute__((export_name("add"))) uint32_t add(uint32_t letter) {
  char text[LONGEST + 1] = "aazzzz";
  text[5] = (char)('a' + letter % 26);
  Word *word = find(text);
  if (!word) {
    word = calloc(1, sizeof(Word));
    strcpy(word->text, text);
    word->hash = hash_of(text);
    word->next = buckets[word->hash % BUCKETS];
    buckets[word->hash % BUCKETS] = word;
  }
  return word->hash ^ first_of_prefix[26];
}
