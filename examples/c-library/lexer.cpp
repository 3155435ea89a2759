// A lexer for C-like languages whose kinds of token are global objects: their constructors register
// patterns, and init compiles all patterns to one deterministic automaton. After init only its table
// is used.
//
// In: text at `lexer_input(length)`. Out: `lexer_scan()` tokens at `lexer_tokens()`, each a kind and an
// end; `lexer_kind_name(kind)` is what a kind is called.

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <malloc.h>
#include <map>
#include <set>
#include <string>
#include <vector>
#include <wasm-preinit.h>

#define EXPORT(name) extern "C" __attribute__((export_name(#name)))

// What is freed is wiped, so that nothing of what only init needs is in the snapshot.
void operator delete(void *memory) noexcept {
  if (memory) explicit_bzero(memory, malloc_usable_size(memory));
  free(memory);
}
void operator delete(void *memory, size_t) noexcept { operator delete(memory); }

namespace {

constexpr int NONE = -1;
constexpr int LETTERS = 128;
using Letters = std::array<bool, LETTERS>;

struct Kind {
  const char *name;
  std::string pattern;
};

std::vector<Kind> &kinds() {
  static std::vector<Kind> all;
  return all;
}

// What comes first wins where two kinds match the same text.
struct Register {
  Register(const char *name, std::string pattern) { kinds().push_back({name, std::move(pattern)}); }
};

std::string any_of(std::initializer_list<const char *> words) {
  std::string pattern;
  for (const char *word : words) {
    if (!pattern.empty()) pattern += '|';
    for (const char *at = word; *at; at++) pattern += std::string("\\") + *at;
  }
  return pattern;
}

const Register keyword{"keyword", any_of({"auto",     "bool",    "break",    "case",     "char",
                                          "class",    "const",   "continue", "default",  "delete",
                                          "do",       "double",  "else",     "enum",     "extern",
                                          "float",    "for",     "friend",   "goto",     "if",
                                          "inline",   "int",     "long",     "namespace", "new",
                                          "operator", "private", "public",   "register", "return",
                                          "short",    "signed",  "sizeof",   "static",   "struct",
                                          "switch",   "template", "this",    "throw",    "try",
                                          "typedef",  "typename", "union",   "unsigned", "using",
                                          "virtual",  "void",    "volatile", "while",    "yield"})};
const Register name{"name", "[a-zA-Z_][a-zA-Z_0-9]*"};
const Register number{"number", "(0[xX][0-9a-fA-F]+|[0-9]+(\\.[0-9]*)?([eE][+\\-]?[0-9]+)?)[uUlLfF]*"};
const Register text{"text", "\"([^\"\\\\\n]|\\\\[^\n])*\""};
const Register letter{"letter", "'([^'\\\\\n]|\\\\[^\n])+'"};
const Register comment{"comment", "//[^\n]*|/\\*([^*]|\\*+[^*/])*\\*+/"};
const Register directive{"directive", "#[^\n]*"};
const Register space{"space", "[ \t\r\n]+"};
const Register sign{"sign", any_of({"+",  "-",  "*",  "/",  "%",  "^",  "&",  "|",  "~",   "!",
                                    "=",  "<",  ">",  "+=", "-=", "*=", "/=", "%=", "^=",  "&=",
                                    "|=", "<<", ">>", "==", "!=", "<=", ">=", "&&", "||",  "++",
                                    "--", ",",  "->", ".",  "?",  ":",  "::", ";",  "<<=", ">>=",
                                    "...", "(", ")",  "[",  "]",  "{",  "}"})};
const Register other{"other", "[^\x01]"};

// States that are joined by letters or by nothing; a pattern becomes a piece with one way in and out.
struct State {
  Letters letters{};
  int next = NONE;
  std::vector<int> free;
  int kind = NONE;
};
struct Piece {
  int in, out;
};

class Patterns {
public:
  std::vector<State> states;
  int start = add();

  void define(int kind, const std::string &pattern) {
    at = pattern.c_str();
    const Piece piece = alternatives();
    states[start].free.push_back(piece.in);
    states[piece.out].kind = kind;
  }

private:
  const char *at = nullptr;

  int add() {
    states.emplace_back();
    return static_cast<int>(states.size()) - 1;
  }
  void join(int from, int to) { states[from].free.push_back(to); }

  Piece alternatives() {
    const Piece all{add(), add()};
    do {
      const Piece one = sequence();
      join(all.in, one.in), join(one.out, all.out);
    } while (*at == '|' && at++);
    return all;
  }
  Piece sequence() {
    Piece all{add(), NONE};
    all.out = all.in;
    while (*at && *at != '|' && *at != ')') {
      const Piece one = repeated();
      join(all.out, one.in);
      all.out = one.out;
    }
    return all;
  }
  Piece repeated() {
    const Piece one = single();
    const Piece all{add(), add()};
    join(all.in, one.in), join(one.out, all.out);
    if (*at == '*' || *at == '?') join(all.in, all.out);
    if (*at == '*' || *at == '+') join(all.out, all.in);
    if (*at == '*' || *at == '+' || *at == '?') at++;
    return all;
  }
  Piece single() {
    if (*at == '(') {
      at++;
      const Piece inner = alternatives();
      at++;
      return inner;
    }
    const Piece one{add(), add()};
    states[one.in].letters = *at == '[' ? set() : only(escaped());
    states[one.in].next = one.out;
    return one;
  }
  Letters set() {
    Letters letters{};
    const bool inverted = *++at == '^';
    if (inverted) at++;
    while (*at != ']') {
      const int first = escaped();
      const int last = *at == '-' && at[1] != ']' ? (at++, escaped()) : first;
      for (int letter = first; letter <= last; letter++) letters[letter] = true;
    }
    at++;
    if (inverted) for (bool &in : letters) in = !in;
    return letters;
  }
  static Letters only(int letter) {
    Letters letters{};
    letters[letter] = true;
    return letters;
  }
  int escaped() {
    if (*at == '\\') at++;
    return *at++;
  }
};

// The automaton: a row of next states for each state, and the kind of token that may end there.
std::vector<std::array<int16_t, LETTERS>> rows;
std::vector<int16_t> ends;

using Set = std::set<int>;

Set closure(const Patterns &patterns, Set states) {
  std::vector<int> pending(states.begin(), states.end());
  while (!pending.empty()) {
    const int state = pending.back();
    pending.pop_back();
    for (int next : patterns.states[state].free)
      if (states.insert(next).second) pending.push_back(next);
  }
  return states;
}

void compile() {
  Patterns patterns;
  for (size_t kind = 0; kind < kinds().size(); kind++)
    patterns.define(static_cast<int>(kind), kinds()[kind].pattern);

  std::map<Set, int16_t> known{{closure(patterns, {patterns.start}), 0}};
  std::vector<Set> pending{known.begin()->first};
  for (size_t state = 0; state < pending.size(); state++) {
    const Set current = pending[state];
    int kind = NONE;
    for (int inner : current)
      if (const int found = patterns.states[inner].kind; found != NONE)
        kind = kind == NONE ? found : std::min(kind, found);
    ends.push_back(static_cast<int16_t>(kind));
    rows.emplace_back().fill(NONE);
    for (int letter = 0; letter < LETTERS; letter++) {
      Set next;
      for (int inner : current)
        if (patterns.states[inner].letters[letter]) next.insert(patterns.states[inner].next);
      if (next.empty()) continue;
      next = closure(patterns, next);
      const auto [entry, is_new] = known.emplace(next, static_cast<int16_t>(known.size()));
      if (is_new) pending.push_back(next);
      rows[state][letter] = entry->second;
    }
  }
}

std::string input;
struct Token {
  uint32_t kind, end;
};
std::vector<Token> tokens;

} // namespace

WASM_PREINIT_INIT(compile);

EXPORT(lexer_input) char *lexer_input(uint32_t length) {
  input.assign(length, ' ');
  return input.data();
}

EXPORT(lexer_scan) uint32_t lexer_scan() {
  tokens.clear();
  for (uint32_t start = 0; start < input.size();) {
    Token token{static_cast<uint32_t>(kinds().size() - 1), start + 1};
    int16_t state = 0;
    for (uint32_t at = start; at < input.size(); at++) {
      const auto letter = static_cast<unsigned char>(input[at]);
      state = letter < LETTERS ? rows[state][letter] : NONE;
      if (state == NONE) break;
      if (ends[state] != NONE) token = {static_cast<uint32_t>(ends[state]), at + 1};
    }
    tokens.push_back(token);
    start = token.end;
  }
  return static_cast<uint32_t>(tokens.size());
}

EXPORT(lexer_tokens) const Token *lexer_tokens() { return tokens.data(); }
EXPORT(lexer_kind_name) const char *lexer_kind_name(uint32_t kind) { return kinds()[kind].name; }
EXPORT(lexer_states) uint32_t lexer_states() { return static_cast<uint32_t>(rows.size()); }
