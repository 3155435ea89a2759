// A highlighter that turns source text into HTML. Its init function compiles the patterns of nine
// languages and a template, as Go programs do in package variables; what it gives is in place when the
// finished module starts.
//
// In: text at `input(length)`. Out: `highlight(language)` the length of the HTML that is at `output()`.
package main

import (

	"regexp"
	"strings"
	"text/template"
	"unsafe"
)

var (
	languages []*regexp.Regexp
	page      *template.Template
	given     []byte
	made      []byte
)

// Keywords of each language, and what its comments begin with.
var sources = []struct{ keywords, comment string }{
	{"break case chan const continue default defer else fallthrough for func go goto if import interface map package range return select struct switch type var", "//"},
	{"auto break case char const continue default do double else enum extern float for goto if inline int long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while", "//"},
	{"as async await break const continue crate dyn else enum extern false fn for if impl in let loop match mod move mut pub ref return self static struct super trait true type unsafe use where while", "//"},
	{"async await break case catch class const continue debugger default delete do else export extends finally for function if import in instanceof let new of return static super switch this throw try typeof var void while with yield", "//"},
	{"False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield", "#"},
	{"BEGIN END alias and begin break case class def defined do else elsif end ensure false for if in module next nil not or redo rescue retry return self super then true undef unless until when while yield", "#"},
	{"abstract assert boolean break byte case catch char class const continue default do double else enum extends final finally float for goto if implements import instanceof int interface long native new package private protected public return short static super switch synchronized this throw throws transient try void volatile while", "//"},
	{"and break do else elseif end false for function goto if in local nil not or repeat return then true until while", "--"},
	{"add all alter and as asc between by case check column constraint create cross database default delete desc distinct drop exists foreign from full group having in index inner insert into is join key left like limit not null on or order outer primary references right select set table then union unique update values view when where", "--"},
}

const markup = `<pre>{{range .}}{{if .Kind}}<span class="{{.Kind}}">{{html .Text}}</span>{{else}}{{html .Text}}{{end}}{{end}}</pre>`

type part struct{ Kind, Text string }

var kinds = []string{"", "comment", "string", "number", "keyword"}

// The tool calls it after `_initialize`, which has started Go's runtime and run `init` functions.
//
//go:wasmexport wizer-initialize
func initialize() {
	for _, source := range sources {
		words := strings.ReplaceAll(source.keywords, " ", "|")
		languages = append(languages, regexp.MustCompile(
			`(`+source.comment+`[^\n]*)|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|\b(\d[\d_.]*(?:[eE][+-]?\d+)?)\b|\b(`+words+`)\b`))
	}
	page = template.Must(template.New("page").Parse(markup))
	// The first use escapes the template for good, and lets each pattern build what it needs.
	for language := range languages {
		render(language, "x = 1 // none")
	}
}

func render(language int, text string) string {
	var parts []part
	at := 0
	for _, found := range languages[language].FindAllStringSubmatchIndex(text, -1) {
		if found[0] > at {
			parts = append(parts, part{"", text[at:found[0]]})
		}
		for kind := 1; kind < len(kinds); kind++ {
			if found[2*kind] >= 0 {
				parts = append(parts, part{kinds[kind], text[found[0]:found[1]]})
			}
		}
		at = found[1]
	}
	parts = append(parts, part{"", text[at:]})
	var written strings.Builder
	if err := page.Execute(&written, parts); err != nil {
		return err.Error()
	}
	return written.String()
}

//go:wasmexport input
func input(length uint32) unsafe.Pointer {
	given = make([]byte, length)
	return unsafe.Pointer(unsafe.SliceData(given))
}

//go:wasmexport highlight
func highlight(language uint32) uint32 {
	made = []byte(render(int(language), string(given)))
	return uint32(len(made))
}

//go:wasmexport output
func output() unsafe.Pointer { return unsafe.Pointer(unsafe.SliceData(made)) }

// Work for a goroutine of its own, to show that the scheduler goes on after the snapshot.
//
//go:wasmexport sum_concurrently
func sumConcurrently(count uint32) uint32 {
	numbers := make(chan uint32)
	go func() {
		for number := range count {
			numbers <- number
		}
		close(numbers)
	}()
	sum := uint32(0)
	for number := range numbers {
		sum += number
	}
	return sum
}

func main() {}
