package samplingrule

import (
	"unicode"
	"unicode/utf8"
)

// Match says whether text matches the pattern, in which * stands for any run
// of characters, also none, and ? for exactly one. Case is ignored. An empty
// pattern stands for *. It takes time linear in the text for each * at worst,
// and never more than the product of both lengths.
func Match(pattern, text string) bool {
	if pattern == "" || pattern == "*" {
		return true
	}
	// On a mismatch the last * takes one character more and matching resumes
	// behind it; earlier ones never need to be tried again.
	p, t := 0, 0
	star, mark := -1, 0
	for t < len(text) {
		tr, tn := rune(text[t]), 1
		if tr >= utf8.RuneSelf {
			tr, tn = utf8.DecodeRuneInString(text[t:])
		}
		if p < len(pattern) {
			pr, pn := rune(pattern[p]), 1
			if pr >= utf8.RuneSelf {
				pr, pn = utf8.DecodeRuneInString(pattern[p:])
			}
			if pr == '*' {
				star, mark = p, t
				p++
				continue
			}
			if pr == '?' || pr == tr || equalFold(pr, tr) {
				p, t = p+pn, t+tn
				continue
			}
		}
		if star < 0 {
			return false
		}
		_, n := utf8.DecodeRuneInString(text[mark:])
		mark += n
		p, t = star+1, mark
	}
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p == len(pattern)
}

func equalFold(a, b rune) bool {
	if a < utf8.RuneSelf && b < utf8.RuneSelf {
		return 'a' <= a|0x20 && a|0x20 <= 'z' && a|0x20 == b|0x20
	}
	for r := unicode.SimpleFold(a); r != a; r = unicode.SimpleFold(r) {
		if r == b {
			return true
		}
	}
	return false
}
