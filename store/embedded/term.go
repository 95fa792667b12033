package embedded

import (
	"encoding/binary"
	"strings"

	"github.com/firewarden/firewarden/internal/fhir"
	"github.com/firewarden/firewarden/search/index"
)

// A term in a key is its parameter's number and one of:
//
//	groupToken code tagAlone            FormCode (of a value that has neither of the next two forms)
//	groupToken code tagNoSystem         FormNoSystem and FormCode
//	groupToken code tagSystem system    FormSystemCode and FormCode
//	groupID    id   tagAlone            FormID
//	groupID    id   tagType type        FormReference, FormIn, FormOnly ("Type/id") and FormID
//	groupSelf                           FormReference, FormIn, FormOnly of the patient whose postings these are
//	groupForm+Form text                 every other term, and those above whose text has another shape
//
// One key of a token or reference stands for two or three terms: FormCode and FormID are read as all keys that begin
// with the code or the id. That relies on the Indexer: a FormSystemCode or FormNoSystem comes with its FormCode, a
// FormReference of a local resource with its FormID.
const (
	groupSelf  = 0x00
	groupToken = 0x01
	groupID    = 0x02
	groupForm  = 0x10

	tagAlone    = 0x01
	tagNoSystem = 0x02
	tagSystem   = 0x03
	tagType     = 0x04
)

func appendNum(dst []byte, num uint16) []byte { return binary.BigEndian.AppendUint16(dst, num) }

// appendForm appends a term as it is: any form, nothing shared.
func appendForm(dst []byte, num uint16, form index.Form, text string) []byte {
	return appendText(append(appendNum(dst, num), groupForm+byte(form)), text)
}

// appendCode appends what the terms of a code begin with.
func appendCode(dst []byte, num uint16, code string) []byte {
	return appendText(append(appendNum(dst, num), groupToken), code)
}

func appendToken(dst []byte, num uint16, system, code string) []byte {
	return appendText(append(appendCode(dst, num, code), tagSystem), system)
}

// appendRef appends what the terms of an id begin with.
func appendRef(dst []byte, num uint16, id string) []byte {
	return appendID(append(appendNum(dst, num), groupID), id)
}

func appendReference(dst []byte, num uint16, typ byte, id string) []byte {
	return append(appendRef(dst, num, id), tagType, typ)
}

func appendSelf(dst []byte, num uint16) []byte { return append(appendNum(dst, num), groupSelf) }

// splitToken cuts "system|code"; ok is false for texts that are kept whole.
func splitToken(text string) (system, code string, ok bool) {
	system, code, ok = strings.Cut(text, "|")
	return system, code, ok && system != ""
}

// severalBars says whether a FormSystemCode text can be cut in several places: a system with a bar.
func severalBars(text string) bool { return strings.Count(text, "|") > 1 }

// splitReference cuts "Type/id" into a type number and an id; ok is false for texts that are kept whole.
func (t typeNumbers) splitReference(text string) (typ byte, id string, ok bool) {
	name, id, ok := strings.Cut(text, "/")
	if !ok || !fhir.ValidID(id) {
		return 0, "", false
	}
	typ = t.number(name)
	return typ, id, typ != 0
}

// termLen is the length of the encoded term that b begins with, -1 if there is none.
func termLen(b []byte) int {
	if len(b) < 3 {
		return -1
	}
	switch g := b[2]; {
	case g == groupSelf:
		return 3
	case g == groupToken:
		n := textLen(b[3:])
		if n < 0 || len(b) <= 3+n {
			return -1
		}
		n += 3
		switch b[n] {
		case tagAlone, tagNoSystem:
			return n + 1
		case tagSystem:
			if m := textLen(b[n+1:]); m > 0 {
				return n + 1 + m
			}
		}
	case g == groupID:
		n := idLen(b[3:])
		if n < 0 || len(b) <= 3+n {
			return -1
		}
		n += 3
		switch {
		case b[n] == tagAlone:
			return n + 1
		case b[n] == tagType && len(b) > n+1:
			return n + 2
		}
	case g >= groupForm:
		if n := textLen(b[3:]); n > 0 {
			return 3 + n
		}
	}
	return -1
}
